// figures, in the colours of the page
const figures = JSON.parse(document.getElementById("figures").textContent);
const narrow = matchMedia("(max-width: 900px)").matches;
const config = { responsive: true, displaylogo: false, typesetMath: false, displayModeBar: false,
  showSendToCloud: false, plotlyServerURL: "" };
const theme = () => {
  const style = getComputedStyle(document.documentElement);
  const [ground, card, ink, soft, line] = ["ground", "card", "ink", "soft", "line"].map(
    (name) => style.getPropertyValue(`--${name}`).trim());
  const axis = { gridcolor: line, linecolor: soft, tickcolor: soft, zeroline: false, showline: true,
    ticks: "outside", ticklen: 4, title: { standoff: 8 } };
  return { layout: { paper_bgcolor: ground, plot_bgcolor: ground, xaxis: axis, yaxis: axis,
    font: { family: "system-ui, sans-serif", size: 12, color: ink },
    legend: { bgcolor: "rgba(0,0,0,0)" },
    hoverlabel: { bgcolor: card, bordercolor: line, font: { color: ink } } } };
};
const draw = () => {
  const template = theme();
  for (const { key, data, layout } of figures)
    Plotly.react(key, data, { ...layout, dragmode: narrow ? false : "zoom", template }, config);
};
draw();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
