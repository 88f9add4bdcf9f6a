"use strict";

const all = (selector, within = document) => [...within.querySelectorAll(selector)];

function draw(element) {
  const specification = JSON.parse(document.getElementById(element.dataset.chart).textContent);
  vegaEmbed(element, specification, { actions: false, ast: true, renderer: "svg" });
}

function drawVisible() {
  for (const element of all("[data-chart]:not(.vega-embed)")) {
    if (element.offsetParent) draw(element);
  }
}

function value(row, column) {
  const text = row.cells[column].textContent.trim();
  return text === "–" ? NaN : Number.isNaN(Number(text)) ? text : Number(text);
}

function compare(a, b) {
  if (Number.isNaN(a) || Number.isNaN(b)) return 0;
  return typeof a === "number" ? a - b : a.localeCompare(b);
}

function sort(header) {
  const body = header.closest("table").tBodies[0];
  const direction = header.ariaSort === "descending" ? "ascending" : "descending";
  for (const other of header.parentElement.cells) if (other.ariaSort) other.ariaSort = "none";
  header.ariaSort = direction;
  const sign = direction === "ascending" ? 1 : -1;
  const keyed = [...body.rows].map((row) => ({ row, key: value(row, header.cellIndex) }));
  const missing = ({ key }) => Number.isNaN(key);
  keyed.sort((a, b) => missing(a) - missing(b) || sign * compare(a.key, b.key));
  body.append(...keyed.map(({ row }) => row));
}

function filter() {
  const [part, number, hits] = ["part", "number", "hits"].map((id) => document.getElementById(id));
  const rows = all(".sortable tbody tr");
  for (const row of rows) {
    row.hidden =
      (part.value && row.cells[1].textContent !== part.value) ||
      (number.value.trim() && row.cells[2].textContent !== number.value.trim()) ||
      (hits.checked && row.cells[7].textContent !== "yes");
  }
  document.getElementById("count").textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length} images`;
}

function showTruth(event) {
  const shown = event.currentTarget.ariaPressed !== "true";
  event.currentTarget.ariaPressed = shown;
  for (const element of all(".truth")) element.hidden = !shown;
  drawVisible();
}

drawVisible();
for (const button of all(".sortable th button")) button.addEventListener("click", () => sort(button.parentElement));
for (const event of ["input", "change"]) document.querySelector(".filters")?.addEventListener(event, filter);
document.getElementById("truth")?.addEventListener("click", showTruth);
if (document.getElementById("count")) filter();
