"""The report's style sheet, for light and dark mode, wide and narrow screens, and print."""

from steps.report.markup import Markup

STYLE = Markup("""
:root {
  color-scheme: light dark;
  --page: #f5f6f8; --card: #ffffff; --ink: #1b2430; --muted: #5b6675; --line: #dde2e9; --grid: #e8ecf1;
  --selected: #2456c9; --other: #b36206; --champion: #64748b; --bankrupt: #c2334a; --healthy: #7b93b5;
  --low: #b9c6d8; --medium: #e09f1f; --high: #c2334a; --good: #1c7c4a; --good-back: #e3f4ea;
  --bad: #b3261e; --bad-back: #fbe6e4; --warn-ink: #6b4a00; --warn-back: #fff3d1; --soft: #eef2fb;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #11161d; --card: #1a212b; --ink: #e6eaf0; --muted: #9aa7b8; --line: #2d3744; --grid: #263040;
    --selected: #7ea8ff; --other: #f0a94e; --champion: #94a3b8; --bankrupt: #ff7d8f; --healthy: #7d97bd;
    --low: #45546a; --medium: #e6b04a; --high: #ff7d8f; --good: #6fd39b; --good-back: #173626;
    --bad: #ff9a90; --bad-back: #41201e; --warn-ink: #ffdf94; --warn-back: #3b3013; --soft: #202b3d;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
main { max-width: 1080px; margin: 0 auto; padding: 28px 20px 48px; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0; letter-spacing: -0.01em; }
h2 { font-size: 1.25rem; margin: 0 0 4px; letter-spacing: -0.005em; }
h3 { font-size: 1rem; margin: 0 0 6px; }
.pair + .cards, details + h3 { margin-top: 18px; }
p { margin: 0 0 10px; max-width: 72ch; }
.muted, .lead { color: var(--muted); }
.small { font-size: 0.875rem; }
header { margin-bottom: 20px; }
.eyebrow { color: var(--muted); font-size: 0.875rem; margin: 0 0 4px; overflow-wrap: anywhere; }
.title { display: flex; flex-wrap: wrap; gap: 8px 14px; align-items: center; margin-bottom: 10px; }
.pill { border-radius: 999px; padding: 3px 12px; font-size: 0.875rem; font-weight: 600; white-space: nowrap; }
.pill.good { color: var(--good); background: var(--good-back); }
.pill.bad { color: var(--bad); background: var(--bad-back); }
.pill.warn { color: var(--warn-ink); background: var(--warn-back); }
.banner {
  background: var(--warn-back); color: var(--warn-ink); border-radius: 10px; padding: 10px 14px;
  margin: 0 0 12px; max-width: none; font-weight: 500; overflow-wrap: anywhere;
}
section {
  background: var(--card); border: 1px solid var(--line); border-radius: 14px; padding: 20px 22px;
  margin: 0 0 18px;
}
.terms { max-width: none; }
.terms span { display: block; }
nav { margin: 0 0 18px; font-size: 0.875rem; }
nav ul { display: flex; flex-wrap: wrap; gap: 4px 10px; margin: 0; padding: 0; list-style: none; }
nav a { display: inline-block; padding: 3px 0; color: var(--selected); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(170px, 1fr)); gap: 0 24px; }
.tiles { margin-bottom: -14px; }
.tile { display: grid; grid-template-rows: subgrid; grid-row: span 4; align-items: start; }
.tile { padding-bottom: 14px; }
.tile .label { font-size: 0.875rem; color: var(--muted); align-self: end; }
.tile .value { font-size: 1.9rem; font-weight: 650; line-height: 1.15; font-variant-numeric: tabular-nums; }
.tile .note { font-size: 0.8125rem; color: var(--muted); line-height: 1.4; }
.pair { display: grid; gap: 22px 32px; }
.pair { grid-template-columns: repeat(auto-fit, minmax(min(100%, 340px), 1fr)); }
.pair > * { min-width: 0; }
svg { display: block; width: 100%; height: auto; }
svg.strip { max-width: 200px; margin: 4px 0; }
svg.bar-row { height: 14px; min-width: 70px; }
svg.sample { width: 28px; height: 12px; display: inline-block; vertical-align: baseline; }
svg.squares { max-width: 440px; margin: 6px 0 8px; }
.grid { stroke: var(--grid); stroke-width: 1; }
.tick { fill: var(--muted); font-size: 12px; font-variant-numeric: tabular-nums; }
.axis { fill: var(--muted); font-size: 12.5px; }
.words { fill: var(--ink); font-size: 12.5px; font-weight: 600; }
.line { fill: none; stroke-width: 1.8; stroke-linejoin: round; }
.line.of-selected { stroke: var(--selected); stroke-width: 2.6; }
.line.of-other { stroke: var(--other); stroke-dasharray: 7 4; }
.line.of-champion { stroke: var(--champion); stroke-dasharray: 2 3; stroke-width: 2.2; }
.rule.chance { stroke: var(--muted); stroke-dasharray: 3 4; opacity: 0.6; }
.rule.zero { stroke: var(--muted); }
.rule.interval { stroke: var(--selected); stroke-width: 2; opacity: 0.55; }
.rule.of-champion { stroke: var(--champion); }
.rule.threshold { stroke-width: 1.6; stroke-dasharray: 4 3; }
.rule.level-medium { stroke: var(--medium); }
.rule.level-high { stroke: var(--high); }
.words.level-medium { fill: var(--medium); }
.words.level-high { fill: var(--high); }
.words.label-1 { fill: var(--bankrupt); }
.words.label-0 { fill: var(--healthy); }
.dot { stroke: var(--card); stroke-width: 1.6; fill: var(--selected); }
.dot.of-champion { fill: var(--champion); }
.dot.level-medium { fill: var(--medium); }
.dot.level-high { fill: var(--high); }
.area.label-1 { fill: var(--bankrupt); opacity: 0.85; }
.area.label-0 { fill: var(--healthy); opacity: 0.8; }
.track { stroke: var(--line); stroke-width: 4; stroke-linecap: round; }
.span { stroke: var(--selected); stroke-width: 4; stroke-linecap: round; opacity: 0.45; }
.square.level-low, .swatch.level-low { fill: var(--low); background: var(--low); }
.square.level-medium, .swatch.level-medium { fill: var(--medium); background: var(--medium); }
.square.level-high, .swatch.level-high { fill: var(--high); background: var(--high); }
.bar { fill: var(--selected); }
.bar.calm { fill: var(--healthy); }
.bar.watch { fill: var(--medium); }
.bar.shift { fill: var(--high); }
.whisker { stroke: var(--ink); stroke-width: 1.5; opacity: 0.55; vector-effect: non-scaling-stroke; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; font-size: 0.875rem; color: var(--muted);
  margin: 0 0 8px; padding: 0; list-style: none; }
.legend li { display: flex; gap: 7px; align-items: center; }
.swatch.round { border-radius: 50%; }
.swatch { display: inline-block; width: 12px; height: 12px; border-radius: 3px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 0.9375rem; }
caption { text-align: left; color: var(--muted); font-size: 0.875rem; padding-bottom: 6px; }
th, td { text-align: left; vertical-align: top; }
th, td { padding: 7px 14px 7px 0; border-bottom: 1px solid var(--line); }
tbody tr:last-child > * { border-bottom: 0; }
thead th { font-size: 0.8125rem; color: var(--muted); font-weight: 600; vertical-align: bottom; }
tbody th { font-weight: 500; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
thead .number { white-space: normal; }
.text { overflow-wrap: anywhere; min-width: 5em; }
.best { font-weight: 700; }
.drawn { width: 30%; min-width: 80px; padding-top: 11px; }
.name { overflow-wrap: break-word; }
.cards .name { min-width: 180px; max-width: 300px; }
.cards { overflow-x: auto; }
code { font: 0.8125rem/1.5 ui-monospace, "SF Mono", Menlo, Consolas, monospace; overflow-wrap: anywhere; }
details { margin-top: 10px; }
summary { cursor: pointer; color: var(--selected); font-weight: 500; padding: 4px 0; }
dl { display: grid; grid-template-columns: minmax(110px, max-content) 1fr; gap: 6px 18px; margin: 0;
  font-size: 0.9375rem; }
dt { color: var(--muted); }
dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
footer { color: var(--muted); font-size: 0.875rem; }
@media (max-width: 560px) {
  main { padding: 18px 12px 32px; }
  section { padding: 16px 14px; border-radius: 12px; }
  .tiles { grid-template-columns: 1fr 1fr; gap: 0 16px; }
  nav ul { display: grid; grid-template-columns: 1fr 1fr; gap: 0 16px; }
  nav { font-size: 0.9375rem; }
  nav a { padding: 6px 0; }
  .tile .value { font-size: 1.6rem; }
  .tile:last-child:nth-child(odd) { grid-column: 1 / -1; }
  .tick, .axis, .words { font-size: 15px; }
  .cards table, .cards tbody, .cards caption, .cards tr, .cards th { display: block; }
  .cards thead { display: none; }
  .cards tr { padding: 9px 0; border-bottom: 1px solid var(--line); }
  .cards tbody tr:last-child { border-bottom: 0; }
  .cards th, .cards td { border: 0; padding: 1px 0; width: auto; }
  .cards .name { font-weight: 600; max-width: none; }
  .cards td { display: flex; justify-content: space-between; gap: 12px; }
  .cards td.text { display: block; }
  .cards td.text[data-label]::before { margin-right: 12px; }
  .cards td[data-label]::before { content: attr(data-label); color: var(--muted); }
  .scroll th:first-child { position: sticky; left: 0; background: var(--card); max-width: 34vw; z-index: 1; }
  .scroll th, .scroll td { padding-right: 12px; font-size: 0.875rem; }
  .scroll .name { overflow-wrap: normal; min-width: 24vw; }
  .scroll .number { white-space: normal; }
  .scroll .small { font-size: 0.75rem; }
  dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: 8px; }
}
@media print {
  :root {
    color-scheme: light;
    --page: #fff; --card: #fff; --ink: #000; --muted: #444; --line: #bbb; --grid: #ddd;
    --selected: #2456c9; --other: #b36206; --champion: #64748b; --bankrupt: #c2334a; --healthy: #7b93b5;
    --low: #b9c6d8; --medium: #e09f1f; --high: #c2334a; --good: #1c7c4a; --good-back: #e3f4ea;
    --bad: #b3261e; --bad-back: #fbe6e4; --warn-ink: #6b4a00; --warn-back: #fff3d1;
  }
  @page { margin: 14mm; }
  body { font-size: 11pt; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  main { max-width: none; padding: 0; }
  section { border: 0; border-top: 1px solid var(--line); border-radius: 0; padding: 10px 0; margin: 0; }
  .pair { grid-template-columns: 1fr 1fr; gap: 14px; }
  .pair > *, .tile, tr, svg { break-inside: avoid; }
  h2, h3, .legend, .lead { break-after: avoid; }
  nav { display: none; }
  .tiles { grid-template-columns: repeat(5, 1fr); gap: 0 10px; }
  .tile .value { font-size: 1.4rem; }
  .scroll, .cards { overflow: visible; }
  .cards .name { min-width: 130px; }
  th, td { padding: 4px 9px 4px 0; font-size: 0.875rem; }
}
""")
