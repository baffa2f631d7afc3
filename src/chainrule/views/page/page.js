"use strict";
const all = (query) => [...document.querySelectorAll(query)];
const narrow = matchMedia("(max-width: 760px)").matches;
const figures = JSON.parse(document.getElementById("figures").textContent);
const config = { responsive: true, displaylogo: false, typesetMath: false,
  showSendToCloud: false, plotlyServerURL: "",
  modeBarButtonsToRemove: ["lasso2d", "select2d", "autoScale2d"] };
for (const { key, data, layout } of figures) {
  if (narrow) layout.dragmode = false;  // a finger scrolls the page
  const displayModeBar = layout.dragmode === false ? false : "hover";
  Plotly.newPlot(key, data, layout, { ...config, displayModeBar });
}

// the scale of an axis
for (const button of all("[data-change]")) button.onclick = () => {
  const { key, buttons } = figures.find((each) => each.key === button.dataset.figure);
  Plotly.relayout(key, structuredClone(Object.values(buttons)[button.dataset.change]));
  for (const each of button.parentNode.children) each.ariaPressed = each === button;
};

// the legend
for (const button of all("[data-toggle]")) button.onclick = () => {
  const group = button.dataset.toggle, shown = button.ariaPressed !== "true";
  button.ariaPressed = shown;
  for (const { key, data } of figures) {
    const mine = data.flatMap((trace, k) => trace.legendgroup === group ? [k] : []);
    if (mine.length) Plotly.restyle(key, { visible: shown }, mine);
  }
  for (const panel of all("figure")) if (panel.dataset.group === group) panel.hidden = !shown;
};

// the table: numbers by size, then words, then dashes
const units = { ns: 1e-9, "µs": 1e-6, ms: 1e-3 };
const worth = (text) => {
  const [, number, unit] = /^(-?[0-9][0-9.,]*(?:e[-+]?[0-9]+)?)\s*(\S*)/.exec(text) || [];
  return number ? Number(number.replaceAll(",", "")) * (units[unit] || 1) : text === "–" ? 2e308 : 1e308;
};
all("th").forEach((header, column) => header.onclick = () => {
  const sign = header.ariaSort === "ascending" ? -1 : 1, body = header.closest("table").tBodies[0];
  const text = (row) => row.cells[column].textContent;
  const order = (a, b) => sign * (worth(text(a)) - worth(text(b)) || text(a).localeCompare(text(b)));
  all("th").forEach((each) => each.removeAttribute("aria-sort"));
  header.ariaSort = sign > 0 ? "ascending" : "descending";
  body.append(...[...body.rows].sort(order));
});
