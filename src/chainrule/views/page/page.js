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
