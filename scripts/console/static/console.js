// Moves each number with its slider, and drops announcements that were already made. Without scripts, the
// pages have the numbers alone, and a button.
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
  const value = low + (high - low) * part;
  if (gap && value > gap[0] && value < gap[1]) return part < 0.5 ? low : high;
  return Number(value.toPrecision(4));
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
  slider.value = Math.round(100 * shareOf(pointsOf(slider), Number(number.value)));
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
  if (target.id === "said" && target.textContent.trim() === fragment.textContent.trim()) {
    event.detail.shouldSwap = false;
  }
});

for (const slider of document.querySelectorAll("[data-points]")) {
  slider.hidden = false;
  follow(slider);
}
