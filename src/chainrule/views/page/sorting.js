"use strict";
// tables: a click on a header sorts by it; numbers by size, then words, then dashes
const units = { ns: 1e-9, "µs": 1e-6, ms: 1e-3 };
const worth = (text) => {
  const [, sign, number, unit] = /^([-−+]?)([0-9][0-9.,]*(?:e[-+]?[0-9]+)?)\s*(\S*)/.exec(text) || [];
  if (!number) return text === "–" ? 2e308 : 1e308;
  return (sign === "-" || sign === "−" ? -1 : 1) * Number(number.replaceAll(",", "")) * (units[unit] || 1);
};
for (const header of document.querySelectorAll("th:has(button)")) header.onclick = () => {
  const table = header.closest("table"), body = table.tBodies[0], column = header.cellIndex;
  const sign = header.ariaSort === "ascending" ? -1 : 1;
  const text = (row) => row.cells[column].textContent;
  const order = (a, b) => sign * (worth(text(a)) - worth(text(b)) || text(a).localeCompare(text(b)));
  for (const each of table.querySelectorAll("th")) each.removeAttribute("aria-sort");
  header.ariaSort = sign > 0 ? "ascending" : "descending";
  body.append(...[...body.rows].sort(order));
};
