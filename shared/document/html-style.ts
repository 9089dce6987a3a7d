/** The style sheet of the page, on the screen as on paper. */
export const STYLE = `
* { box-sizing: border-box; }
html { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
body {
  margin: 0; background: #eef0f3; color: #16202e;
  font: 14px/1.5 Inter, system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans",
    "Hiragino Sans", "Yu Gothic", "Noto Sans CJK JP", "Noto Sans JP", sans-serif;
  font-variant-numeric: tabular-nums; overflow-wrap: anywhere;
}
.sheet {
  position: relative; max-width: 820px; margin: 32px auto; padding: 56px 60px 48px;
  background: #fff; border-radius: 4px; box-shadow: 0 1px 3px #16202e1f, 0 12px 40px #16202e14;
}
h1, h2, p, dl, dd, table { margin: 0; }
h1 { font-size: 30px; line-height: 1.15; font-weight: 650; letter-spacing: -0.02em; }
h2, .label {
  font-size: 11px; font-weight: 600; letter-spacing: 0.06em; text-transform: uppercase;
  color: #667085;
}
.top { display: flex; justify-content: space-between; gap: 32px; align-items: flex-start; }
.top .brand { font-size: 17px; font-weight: 650; text-align: end; max-width: 55%; }
.ribbon {
  display: inline-block; margin-top: 8px; padding: 2px 10px; border: 1.5px solid; border-radius: 3px;
  font-size: 12px; font-weight: 700; letter-spacing: 0.14em; color: #667085;
}
.ribbon.good { color: #067647; }
.ribbon.bad { color: #b42318; }
.facts { display: flex; flex-wrap: wrap; gap: 14px 36px; margin-top: 26px; padding: 16px 0;
  border-top: 1.5px solid #16202e; border-bottom: 1px solid #e3e7ed; }
.facts dd { font-weight: 500; }
.parties { display: grid; grid-template-columns: 1fr 1fr; gap: 32px; margin-top: 26px; }
.parties .name { font-weight: 650; margin-top: 4px; }
.parties .small { color: #475467; }
.headline { display: flex; flex-wrap: wrap; align-items: baseline; gap: 4px 12px; margin-top: 34px; }
.headline strong { font-size: 26px; font-weight: 650; letter-spacing: -0.015em; }
.headline span { font-size: 17px; color: #475467; }
.headline a { margin-inline-start: auto; color: #2f49c4; font-weight: 600; text-decoration: none; }
table { width: 100%; border-collapse: collapse; margin-top: 26px; }
thead { display: table-header-group; }
tr { break-inside: avoid; }
th { text-align: start; padding: 0 0 8px 20px; border-bottom: 1.5px solid #16202e; font-size: 11px;
  font-weight: 600; letter-spacing: 0.06em; text-transform: uppercase; color: #667085; }
td { padding: 10px 0 10px 20px; border-bottom: 1px solid #e3e7ed; vertical-align: top; }
th:first-child, td:first-child { padding-inline-start: 0; padding-left: 0; }
.number { text-align: right; white-space: nowrap; direction: ltr; }
.main { font-weight: 500; }
small { display: block; font-size: 12px; line-height: 1.45; color: #667085; font-weight: 400; }
.sums { display: flex; gap: 40px; break-inside: avoid; margin-top: 10px; }
.sums .aside { flex: 1; min-width: 0; }
.sums section { margin-top: 8px; }
.sums section + section { margin-top: 16px; }
.totals { width: 54%; margin: 0; align-self: flex-start; }
.totals td { padding: 6px 0; border-bottom: 1px solid #eef0f3; }
.totals .strong td { font-weight: 650; border-bottom-color: #cfd5de; }
.totals tr:last-child td { border-bottom: 1.5px solid #16202e; }
section { margin-top: 38px; break-inside: avoid; }
section.long { break-inside: auto; }
section table { margin-top: 10px; font-size: 13px; }
section td { padding-top: 6px; padding-bottom: 6px; }
svg { display: block; width: 100%; height: auto; margin-top: 12px; overflow: visible; }
svg text { font-size: 8px; fill: #667085; }
.notes p { margin-top: 3px; font-size: 13px; color: #475467; }
footer { margin-top: 40px; padding-top: 14px; border-top: 1px solid #e3e7ed; font-size: 12px;
  color: #667085; }
@media (max-width: 640px) {
  .sheet { margin: 0; padding: 28px 20px; border-radius: 0; }
  .parties { grid-template-columns: 1fr; gap: 20px; }
  .sums { flex-direction: column-reverse; gap: 20px; }
  .totals { width: 100%; }
  .lines .price { display: none; }
}
@media print {
  body { background: #fff; font-size: 12px; }
  .sheet { max-width: none; margin: 0; padding: 0; box-shadow: none; }
}
`;

/**
 * Added where text runs to the left. Figures keep the edge at which their decimals stand in line;
 * letters that join are not set apart.
 */
export const RIGHT_TO_LEFT_STYLE = `
h1, h2, .label, .ribbon, th, .headline strong { letter-spacing: 0; }
th { padding: 0 20px 8px 0; }
td { padding-left: 0; padding-right: 20px; }
th:first-child, td:first-child { padding-right: 0; }
`;
