// Moves each number with its slider, skips repeated announcements, and shows why a page could not be updated.
// Without scripts, the form has only the numbers and a button.
"use strict";

// The points of a slider are pairs of a share and a value: that share of the training companies has at most
// this value. No value lies in the gap between two units.
const pointsOf = slider => JSON.parse(slider.dataset.points);

function valueAt(points, share, gap) {
  const next = points.findIndex(([at]) => at >= share);
  const [to, high] = points[next];
  if (next === 0 || to === share) return high;
  const [from, low] = points[next - 1];
  const part = (share - from) / (to - from);
  const value = Number((low + (high - low) * part).toPrecision(4));
  if (gap && value > gap[0] && value < gap[1]) return part < 0.5 ? low : high;
  return Math.min(Math.max(value, low), high);
}

function shareOf(points, value) {
  const next = points.findIndex(([, at]) => at >= value);
  if (next < 0) return 1;
  const [to, high] = points[next];
  if (next === 0 || high === value) return to;
  const [from, low] = points[next - 1];
  return from + (to - from) * (value - low) / (high - low);
}

function describe(slider, number) {
  slider.setAttribute("aria-valuetext", `${number.value}; ${slider.value} % of training companies have at most this`);
}

function follow(slider) {
  const number = document.getElementById(slider.dataset.number);
  const value = parseFloat(number.value);
  if (Number.isNaN(value)) return;  // while a person types
  slider.value = Math.round(100 * shareOf(pointsOf(slider), value));
  describe(slider, number);
}

document.addEventListener("input", event => {
  const slider = event.target;
  if (slider.dataset.points) {
    const number = document.getElementById(slider.dataset.number);
    const gap = slider.dataset.gap && JSON.parse(slider.dataset.gap);
    number.value = valueAt(pointsOf(slider), slider.value / 100, gap);
    describe(slider, number);
  } else if (slider.dataset.slider) {
    follow(document.getElementById(slider.dataset.slider));
  }
});

document.addEventListener("htmx:oobBeforeSwap", event => {
  const { target, fragment } = event.detail;
  if (target.id === "announcement" && target.textContent.trim() === fragment.textContent.trim()) {
    event.detail.shouldSwap = false;
  }
});

// htmx ignores an answer with an error's status, and a page that polls would silently be out of date.
function showTrouble(text) {
  const trouble = document.getElementById("trouble");
  if (trouble.textContent !== text) trouble.textContent = text;
  trouble.hidden = !text;
}

document.addEventListener("htmx:responseError", event => {
  const answer = new DOMParser().parseFromString(event.detail.xhr.responseText, "text/html");
  const lines = [...answer.querySelectorAll(".problem p")].map(each => each.textContent);
  showTrouble(["This page could not be updated.", ...lines].join(" "));
});

document.addEventListener("htmx:sendError", () => {
  showTrouble("This page could not be updated: the console does not answer. Is it still running?");
});

document.addEventListener("htmx:afterRequest", event => {
  if (event.detail.successful) showTrouble("");
});

for (const slider of document.querySelectorAll("[data-points]")) {
  slider.hidden = false;
  follow(slider);
}
