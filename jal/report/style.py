"""The page's styles: light and dark, for print and for a narrow screen, without script."""

__all__ = ["STYLE"]

STYLE = """
:root { color-scheme: light dark; --ink: #1c2024; --soft: #5d6673; --line: #d9dee4;
  --paper: #fff; --raised: #f6f7f9; --accent: #0072b2; --warn: #b3261e;
  --c0: #0072b2; --c1: #d55e00; --c2: #009e73; --c3: #cc79a7; --c4: #e69f00; --c5: #56b4e9;
  --c6: #1c2024; --c7: #8b5a2b; --grey: #8a929c; --faint: #c9ced5; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ed; --soft: #9aa4b1; --line: #343b45;
  --paper: #14171b; --raised: #1d2228; --accent: #58b4ec; --warn: #ff8a80;
  --c0: #4aa8e0; --c1: #f08030; --c2: #2fc796; --c3: #e295c0; --c4: #f2b632; --c5: #8fd0f7;
  --c6: #e6e9ed; --c7: #c08a55; --grey: #8a929c; --faint: #4a525d; } }
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; }
body { font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; margin: 0;
  color: var(--ink); background: var(--paper); }
main { width: 100%; max-width: 80rem; margin: 0 auto; padding: 2rem 1.25rem 5rem; min-width: 0; }
nav { font-size: .85rem; border-bottom: 1px solid var(--line); overflow-x: auto;
  white-space: nowrap; padding: .6rem 1.25rem; }
nav strong { display: none; }
nav a { color: var(--soft); text-decoration: none; margin-right: 1.1rem; }
nav a:hover { color: var(--accent); }
@media (min-width: 75rem) {
  body { display: grid; grid-template-columns: 12rem minmax(0, 1fr); }
  nav { position: sticky; top: 0; align-self: start; height: 100vh; overflow-y: auto; border: 0;
    border-right: 1px solid var(--line); white-space: normal; padding: 2.2rem 1.1rem; }
  nav strong { display: block; margin-bottom: .8rem; overflow-wrap: anywhere; }
  nav a { display: block; margin: 0 0 .45rem; overflow-wrap: anywhere; line-height: 1.35; } }
h1 { font-size: 1.05rem; font-weight: 600; color: var(--soft); margin: 0 0 .4rem;
  overflow-wrap: anywhere; }
h2 { font-size: 1.35rem; margin: 3.2rem 0 .6rem; padding-top: 1rem;
  border-top: 1px solid var(--line); overflow-wrap: anywhere; }
h3 { font-size: 1.02rem; margin: 2rem 0 .3rem; overflow-wrap: anywhere; }
p { max-width: 46rem; margin: .4rem 0 .8rem; }
p.result { font-size: 1.3rem; line-height: 1.42; margin: 0 0 .8rem; max-width: 58rem;
  text-wrap: pretty; overflow-wrap: anywhere; }
p.about, p.caption { color: var(--soft); font-size: .87rem; max-width: 58rem;
  overflow-wrap: anywhere; }
p.note { border-left: 3px solid var(--warn); padding-left: .7rem; }
.charts { display: grid; gap: 1rem 1.5rem; margin: 1rem 0;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); }
.charts > svg { max-width: 36rem; }
.small { display: grid; gap: .9rem .8rem; margin: 1rem 0;
  grid-template-columns: repeat(auto-fill, minmax(min(45%, 11rem), 1fr)); }
svg.chart { display: block; width: 100%; height: auto; color: var(--ink); }
.figures { display: flex; flex-wrap: wrap; gap: .8rem 1.2rem; align-items: flex-end;
  margin: .8rem 0 1.4rem; }
svg.figure { color: var(--soft); max-width: 100%; height: auto; }
svg.figure text { fill: currentColor; font-family: system-ui, sans-serif; }
svg.chart { overflow: visible; }
svg.chart text { font: 11px system-ui, sans-serif; fill: var(--soft);
  font-variant-numeric: tabular-nums; }
svg.chart text.title { font-weight: 600; font-size: 12px; fill: var(--ink); }
svg.chart text.name { fill: var(--ink); }
svg.chart path { fill: none; }
svg.chart .grid { stroke: var(--line); stroke-width: .7; }
svg.chart .mark { stroke: var(--grey); stroke-width: 1; stroke-dasharray: 4 3; }
svg.chart .base { stroke: var(--grey); stroke-width: .8; }
.c0 { --c: var(--c0); } .c1 { --c: var(--c1); } .c2 { --c: var(--c2); } .c3 { --c: var(--c3); }
.c4 { --c: var(--c4); } .c5 { --c: var(--c5); } .c6 { --c: var(--c6); } .c7 { --c: var(--c7); }
.random { --c: var(--grey); } .other { --c: var(--faint); }
svg.chart path.band { fill: var(--c); opacity: .16; }
.line .curve { stroke: var(--c); stroke-width: 1.9; stroke-linejoin: round; }
.line .leader { stroke: var(--c); stroke-width: 1.4; opacity: .75; }
.line .leader.far { stroke-width: 1.1; stroke-dasharray: 1 5; }
.line .near { stroke: transparent; stroke-width: 9; pointer-events: stroke; }
.line.random .curve { stroke-dasharray: 5 4; } .line.d1 .curve { stroke-dasharray: 7 3; }
.line.d2 .curve { stroke-dasharray: 2 2.5; } .line.d3 .curve { stroke-dasharray: 8 3 2 3; }
.line.other .curve { stroke-width: .9; }
.line.other .name { visibility: hidden; paint-order: stroke; stroke: var(--paper);
  stroke-width: 4px; font-weight: 600; }
.line.other:hover .name { visibility: visible; }
.line:hover .curve { stroke-width: 3.2; } .line.other:hover .curve { stroke: var(--ink); }
svg.chart:has(.line:hover) .line:not(:hover) .curve { opacity: .35; }
.scroll { overflow: auto; scrollbar-gutter: stable; max-height: 85vh; max-width: 100%;
  margin: .4rem 0 1.6rem;
  width: fit-content; }
table { border-collapse: separate; border-spacing: 0; font-variant-numeric: tabular-nums;
  font-size: .84rem; }
th, td { padding: .28rem .5rem; text-align: right; border-bottom: 1px solid var(--line);
  white-space: nowrap; }
thead th { position: sticky; top: 0; z-index: 2; background: var(--paper); font-weight: 600;
  color: var(--soft); vertical-align: bottom; border-bottom: 1px solid var(--grey); }
th:first-child, td:first-child { text-align: left; position: sticky; left: 0; z-index: 1;
  background: var(--paper); padding-left: 0; }
thead th:first-child { z-index: 3; }
tbody tr:hover td { background-color: var(--raised); }
tr.best td:first-child, tr.best td.aubc { font-weight: 650; }
svg.dot { display: block; } svg.dot circle { fill: var(--accent); }
svg.dot .reach { stroke: var(--accent); stroke-width: 1.6; opacity: .6; }
svg.dot .mark { stroke: var(--grey); stroke-dasharray: 2 2; }
td.dot, th.dot { padding: .1rem .2rem; }
table.heat { font-size: .78rem; }
table.heat td, table.heat th { padding: .15rem .35rem; border-bottom: 0; }
table.heat td { border: 1px solid var(--paper); text-align: center; min-width: 2.9rem; }
table.heat td:first-child { text-align: left; padding: .1rem .7rem .1rem 0; border-left: 0; }
table.heat thead th { border-bottom: 0; font-weight: 500; text-align: center; }
table.heat.turned thead th + th { vertical-align: bottom; height: 1px; padding: .2rem 0; }
table.heat.turned thead th + th span { writing-mode: vertical-rl; transform: rotate(180deg);
  display: inline-block; text-align: left; }
table.heat.dense { font-size: .72rem; }
table.heat.dense td + td { min-width: 0; width: 1.15rem; height: 1.15rem; padding: 0; }
table.heat.dense td:first-child { line-height: 1.15rem; padding: 0 .5rem 0 0; }
table.heat td.self { background: var(--raised); }
table.heat tbody tr:hover td + td { background-color: unset; outline: 1px solid var(--line); }
p.key { color: var(--soft); font-size: .8rem; display: flex; gap: .6rem; align-items: center;
  flex-wrap: wrap; }
p.key i { display: inline-block; width: 9rem; height: .7rem; border-radius: 2px; }
main > details { margin-top: 2.2rem; } main > details + details { margin-top: .8rem; }
section > details { margin: 2rem 0 0; }
details.how { font-size: .87rem; color: var(--soft); margin: -.9rem 0 1.6rem; }
details.how summary { font-weight: 500; }
summary { cursor: pointer; font-weight: 600; }
p.key.lines i { width: 1.6rem; height: 2px; background: var(--c); vertical-align: middle; }
.small.wide { grid-template-columns: repeat(auto-fill, minmax(min(100%, 15rem), 1fr)); }
td.up { background: rgb(0 114 178 / .25); } td.down { background: rgb(213 94 0 / .25); }
tr.more td { border-bottom-color: transparent; }
table.runs td:nth-child(2), table.runs th:nth-child(2) { text-align: left; }
table.settings td { text-align: left; }
details table td { text-align: left; white-space: normal; overflow-wrap: anywhere; }
details table td:first-child { white-space: nowrap; overflow-wrap: normal; vertical-align: top; }
details table th { text-align: left; }
@media (max-width: 40rem) { main { padding: 1.2rem .9rem 3rem; } p.result { font-size: 1.2rem; }
  h2 { margin-top: 2.2rem; } th, td { padding: .3rem .5rem; }
  .scroll { max-height: 80vh; }
  td:first-child, th:first-child { max-width: 42vw; overflow: hidden;
  text-overflow: ellipsis; }
  table.settings td { max-width: none; white-space: normal; overflow-wrap: anywhere; } }
@media print { nav { display: none; } .scroll { max-height: none; } }
"""
