/** The look of the elements: their own, so that the page around neither gives nor takes any. */
export const STYLE = `
:host {
  display: block;
  color-scheme: inherit;
  color: var(--leveredge-text, light-dark(#171b1c, #eceff0));
  font: 14px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
  font-variant-numeric: tabular-nums;
}
.card {
  display: grid;
  gap: 12px;
  padding: 18px 20px;
  border: 1px solid var(--leveredge-line, light-dark(#e0e4e4, #30353a));
  border-radius: var(--leveredge-radius, 8px);
  background: var(--leveredge-surface, light-dark(#ffffff, #1d2023));
}
h2 { margin: 0; font-size: 14px; font-weight: 600; }
p { margin: 0; }
.figures { display: flex; flex-wrap: wrap; gap: 12px 40px; }
.value { font-size: 26px; font-weight: 600; line-height: 1.25; }
.note { color: light-dark(#5a6467, #a2abaf); font-size: 13px; }
.bad { color: light-dark(#b0232c, #f79a9d); }
svg { display: block; width: 100%; height: 72px; direction: ltr; }
rect { fill: var(--leveredge-accent, light-dark(#0f7a61, #3fb892)); }
.frame { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; }
th, td { padding: 7px 10px; text-align: start; white-space: nowrap; }
th { color: light-dark(#5a6467, #a2abaf); font-size: 12px; font-weight: 550; }
td { border-top: 1px solid light-dark(#e0e4e4, #30353a); }
.figure { text-align: end; }
:focus-visible { outline: 2px solid light-dark(#0d6b55, #4fd1a8); outline-offset: 2px; }
`;
