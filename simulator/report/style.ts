/** The page's looks, by day and by night. Six colours that stay apart on both grounds, also for the colour-blind. */
export const STYLE = `
:root { color-scheme: light dark;
  --ground: #f6f7f9; --paper: #fff; --ink: #1a2230; --soft: #5d6b7e; --rule: #dfe4ea;
  --good: #14804a; --bad: #c0271f;
  --c1: #0b62c4; --c2: #d9730d; --c3: #2f9e6e; --c4: #a33ea1; --c5: #8a6d00; --c6: #5b6b7f; }
@media (prefers-color-scheme: dark) { :root {
  --ground: #10151d; --paper: #18202b; --ink: #e8edf4; --soft: #9aa8ba; --rule: #2b3644;
  --good: #4cc98a; --bad: #ff7a70;
  --c1: #62a8ff; --c2: #ffa657; --c3: #5fd3a2; --c4: #e08be0; --c5: #e3c04d; --c6: #9fb0c4; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1240px; margin: 0 auto; padding: 28px 20px 60px; }
h1 { font-size: 26px; margin: 0 0 4px; letter-spacing: -.01em; }
h2 { font-size: 18px; margin: 36px 0 12px; }
.sub { color: var(--soft); margin: 0 0 20px; }
.verdict { display: inline-block; padding: 2px 12px; border-radius: 99px; font-weight: 600; color: var(--paper); }
.verdict.good { background: var(--good); } .verdict.bad { background: var(--bad); }
.tiles { display: grid; grid-template-columns: repeat(4, 1fr); gap: 12px; }
@media (max-width: 760px) { .tiles { grid-template-columns: repeat(2, 1fr); } }
.tile, figure, .card { background: var(--paper); border: 1px solid var(--rule); border-radius: 10px; }
.tile { padding: 12px 14px; } .tile b { display: block; font-size: 22px; font-variant-numeric: tabular-nums; }
.tile span { color: var(--soft); font-size: 13px; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 460px), 1fr)); gap: 14px; }
figure { margin: 0; padding: 12px 14px 10px; } figcaption { font-weight: 600; margin-bottom: 4px; }
small { color: var(--soft); font-weight: 400; }
svg { width: 100%; height: auto; display: block; }
.grid { stroke: var(--rule); stroke-width: 1; } .tick { fill: var(--soft); font-size: 11px; } .none { font-size: 14px; }
.marker { stroke: var(--soft); stroke-width: 1; stroke-dasharray: 2 3; }
.line { fill: none; stroke-width: 1.8; stroke-linejoin: round; } .area { opacity: .82; }
.dashed { stroke-dasharray: 5 4; }
${[1, 2, 3, 4, 5, 6].map((index) => `.line.c${index} { stroke: var(--c${index}); } .area.c${index}, i.c${index} { fill: var(--c${index}); background: var(--c${index}); }`).join('\n')}
.legend { display: flex; flex-wrap: wrap; gap: 4px 16px; font-size: 13px; color: var(--soft); }
.legend i { display: inline-block; width: 12px; height: 4px; border-radius: 2px; margin-right: 6px; vertical-align: middle; }
.legend i.dashed { opacity: .5; }
.card { padding: 4px 14px; } .scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th { text-align: left; color: var(--soft); font-weight: 500; } th, td { padding: 7px 12px 7px 0; border-bottom: 1px solid var(--rule); }
tr:last-child td { border-bottom: 0; } .number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.number + :not(.number) { padding-left: 18px; }
.check { display: flex; gap: 10px; padding: 8px 0; border-bottom: 1px solid var(--rule); } .check:last-child { border: 0; }
.check .mark { font-weight: 700; } .check.good .mark { color: var(--good); } .check.bad .mark { color: var(--bad); }
.check p { margin: 0; } .check code { display: block; font-size: 13px; color: var(--bad); }
code { font-family: ui-monospace, monospace; font-size: 13px; overflow-wrap: anywhere; }
ol { margin: 6px 0; padding-left: 22px; }
`;
