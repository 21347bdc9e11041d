"""The style sheet of the page: light and dark, for screen and print, with colours for colour-blind readers.

The hues are those of M. Okabe and K. Ito, "Color Universal Design" (2008); lines also differ in their dashes.
"""

CSS = """
:root { color-scheme: light dark; --shade: rgb(23 33 43 / 16%); --paper: #fff;
  --ink: #17212b; --soft: #5b6875; --rule: #dfe5ea; --card: #f6f8fa;
  --blue: #0072b2; --orange: #c77700; --green: #00805e; --red: #c4420a; --purple: #a8467a; --sky: #3a96cf;
  --yellow: #a79400; --grey: #7a8691; --good: #00805e; --bad: #c4420a; --warn: #b06a00; }
@media (prefers-color-scheme: dark) { :root { --shade: rgb(0 0 0 / 60%); --paper: #12181e;
  --ink: #e6ebf0; --soft: #9aa8b5; --rule: #2c3740;
  --card: #1a222a; --blue: #4aa8e0; --orange: #f0a836; --green: #2fbf98; --red: #f2793d; --purple: #dd8bb8;
  --sky: #8fd0f5; --yellow: #e6d64a; --grey: #8c99a5; --good: #2fbf98; --bad: #f2793d; --warn: #f0a836; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 3rem; max-width: 980px; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, "Segoe UI", "Noto Sans", "Liberation Sans", sans-serif; }
h1 { margin: 0; font-size: 1.7rem; line-height: 1.2; overflow-wrap: anywhere; }
h2 { margin: 2.2rem 0 .6rem; font-size: 1.15rem; }
h3 { margin: 0; font-size: .95rem; }
.lead, .text, footer { color: var(--soft); }
.lead { margin: .3rem 0 1.2rem; }
.text { margin: .3rem 0 .8rem; max-width: 46rem; }
.banner { margin: 0 0 .75rem; padding: .7rem 1rem; border-radius: 8px; border: 1px solid var(--c);
  border-left-width: 6px; background: var(--card); overflow-wrap: anywhere; }
.verdict { font-size: 1.15rem; font-weight: 650; }
.good { --c: var(--good); } .bad { --c: var(--bad); } .warn { --c: var(--warn); } .plain { --c: var(--blue); }
.quiet { --c: var(--grey); }
.said { color: var(--c); font-weight: 650; } .said.short { white-space: nowrap; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(205px, 1fr)); gap: .6rem; margin: 1.1rem 0 0; }
.tile { padding: .65rem .85rem .7rem; border: 1px solid var(--rule); border-radius: 8px; background: var(--card); }
.tile dt { color: var(--soft); font-size: .82rem; }
.tile dd { margin: 0; }
.tile .big { font-size: 1.45rem; font-weight: 650; line-height: 1.3; font-variant-numeric: tabular-nums; }
.tile .small { color: var(--soft); font-size: .82rem; }
.suspect { color: var(--warn); font-size: .78rem; font-weight: 650; white-space: nowrap; }
/* A table that is wider than the screen scrolls beside its first column; a shade shows that there is more. */
.wide { overflow-x: auto; background:
  linear-gradient(to left, var(--paper), var(--paper)) right / 22px 100% no-repeat local,
  linear-gradient(to left, var(--shade), transparent) right / 18px 100% no-repeat scroll; }
table { width: 100%; border-collapse: collapse; }
td, th { padding: .32rem .55rem; border-bottom: 1px solid var(--rule); text-align: left; vertical-align: top;
  overflow-wrap: break-word; }
th { font-weight: 600; } thead th { color: var(--soft); font-size: .82rem; vertical-align: bottom; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; } td.n { white-space: nowrap; }
.noted > * { border-bottom: 0; padding-bottom: 0; } .note-row { padding-top: 0; color: var(--soft); font-size: .88rem; }
.banner ul { margin: .3rem 0 0; padding-left: 1.2rem; } div.text p { margin: .25rem 0; }
.wide tbody th:not(.n) { min-width: 8rem; } .wide thead td { padding: 0; }
td .word { color: var(--soft); font-size: .82rem; white-space: normal; overflow-wrap: normal; }
table.pairs { table-layout: fixed; } table.pairs th { width: 16rem; font-weight: 500; color: var(--soft); }
table.pairs td { overflow-wrap: anywhere; }
.charts { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 1rem; }
figure { position: relative; margin: 0; padding: .75rem .75rem .4rem; border: 1px solid var(--rule);
  border-radius: 8px; break-inside: avoid; }
.narrow { display: none; }
.hit { fill: transparent; } .hit.on, .hit:hover { fill: var(--ink); opacity: .1; }
svg:focus-visible, .wide:focus-visible { outline: 2px solid var(--blue); outline-offset: 2px; border-radius: 4px; }
.tip { position: absolute; z-index: 2; max-width: 17rem; padding: .35rem .6rem .4rem; border-radius: 6px;
  border: 1px solid var(--rule); background: var(--paper); box-shadow: 0 2px 10px var(--shade); font-size: .8rem;
  line-height: 1.4; pointer-events: none; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.tip b { display: block; } .tip div[class]::before { content: ""; display: inline-block; width: .6em; height: .6em;
  margin-right: .45em; border-radius: 2px; background: var(--c); }
figure.full { grid-column: 1 / -1; }
figcaption { display: flex; flex-wrap: wrap; gap: .15rem .9rem; align-items: baseline; min-height: 1.5rem; }
.legend { display: flex; flex-wrap: wrap; gap: 0 .9rem; margin: 0; padding: 0; list-style: none; font-size: .82rem;
  color: var(--soft); }
.legend li::before { content: ""; display: inline-block; width: 1.4em; margin-right: .4em; vertical-align: .25em;
  border-top: 3px solid var(--c); }
.legend li.d1::before { border-top-style: dashed; } .legend li.d2::before { border-top-style: dotted; }
.legend li.box::before { border-top-width: .75em; width: .75em; vertical-align: -.05em; }
.legend li.none::before { content: none; }
p.none { margin: .6rem 0; color: var(--soft); }
svg { display: block; width: 100%; height: auto; margin-top: .35rem; }
svg text { font-size: 11px; fill: var(--soft); } svg .note { fill: var(--ink); font-size: 11px; }
svg .note.halo { paint-order: stroke; stroke: var(--paper); stroke-width: 3px; }
.grid { stroke: var(--rule); } .axis, .mark { stroke: var(--grey); }
.line { fill: none; stroke: var(--c); stroke-width: 1.8; stroke-linejoin: round; } .line.d1 { stroke-dasharray: 6 3; }
.line.d2 { stroke-dasharray: 2 2.5; } .dot, .bar, .band { fill: var(--c); } .band { opacity: .16; }
.ring { fill: none; stroke: var(--c); stroke-width: 2; } a { color: var(--blue); }
.hollow { fill: var(--paper); stroke: var(--c); stroke-width: 1.8; }
.c0 { --c: var(--blue); } .c1 { --c: var(--orange); } .c2 { --c: var(--red); } .c3 { --c: var(--green); }
.c4 { --c: var(--purple); } .c5 { --c: var(--sky); } .c6 { --c: var(--yellow); } .c7 { --c: var(--grey); }
footer { margin-top: 2.5rem; padding-top: .8rem; border-top: 1px solid var(--rule); font-size: .85rem; }
footer p { margin: .3rem 0; max-width: 52rem; }
@media (max-width: 700px) {
  .charts { grid-template-columns: minmax(0, 1fr); } .roomy { display: none; } .narrow { display: block; }
  .wide[tabindex] tbody th { position: sticky; left: 0; z-index: 1; max-width: 9.5rem; background: var(--paper);
    box-shadow: 1px 0 var(--rule); }
  .wide[tabindex] thead th, td .word { white-space: nowrap; }
}
@media (max-width: 520px) {
  body { padding: 1.1rem .8rem 2rem; } h1 { font-size: 1.35rem; } .verdict { font-size: 1.05rem; }
  .tiles { grid-template-columns: 1fr 1fr; } .tile { padding: .5rem .6rem .55rem; } .tile .big { font-size: 1.2rem; }
  figure { padding: .55rem .4rem .3rem; } figcaption { padding: 0 .2rem; }
  svg text, svg .note { font-size: 13px; } td, th { padding: .32rem .4rem; }
  .wide tbody th:not(.n) { min-width: 6.5rem; }
  .pairs, .pairs tbody, .pairs tr, .pairs th, .pairs td { display: block; } .pairs tr { padding: .3rem 0;
    border-bottom: 1px solid var(--rule); } .pairs th, .pairs td, table.pairs th { width: auto; padding: 0; border: 0; }
}
@media print {
  :root { color-scheme: light; --paper: #fff; --ink: #000; --soft: #444; --rule: #ccc; --card: #fff; --blue: #0072b2;
    --orange: #c77700; --green: #00805e; --red: #c4420a; --purple: #a8467a; --sky: #3a96cf; --yellow: #a79400;
    --grey: #666; --good: #00805e; --bad: #c4420a; --warn: #b06a00; print-color-adjust: exact; }
  @page { margin: 14mm; }
  body { max-width: none; padding: 0; font-size: 10.5pt; }
  h2, .text { break-after: avoid; } .tiles { grid-template-columns: repeat(4, 1fr); }
  tr, .tile, .banner { break-inside: avoid; } thead { display: table-header-group; }
  .charts { grid-template-columns: repeat(2, minmax(0, 1fr)); } .wide { overflow: visible; background: none; }
  .roomy { display: block; } .narrow, .tip { display: none; } table { font-size: 9pt; }
  .wide[tabindex] tbody th { position: static; box-shadow: none; }
}
"""
