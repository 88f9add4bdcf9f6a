"use strict";

const all = (selector, within = document) => [...within.querySelectorAll(selector)];

const drawing = { actions: false, ast: true, renderer: "svg" };
const specification = (element) => document.getElementById(element.dataset.chart).textContent;

function draw(element) {
  vegaEmbed(element, JSON.parse(specification(element)), drawing);
}

async function save(button) {
  const element = button.closest(".chart").querySelector("[data-chart]");
  const inked = JSON.parse(specification(element).replaceAll("currentColor", "black"));
  const onPaper = { ...inked, width: 600, background: "white" };
  const { view } = await vegaEmbed(document.createElement("div"), onPaper, drawing);
  const link = document.createElement("a");
  link.href = await view.toImageURL(button.dataset.format, 2);
  link.download = `${element.dataset.file}.${button.dataset.format}`;
  link.click();
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
      (hits.checked && !row.cells[7].querySelector(".hit, .false"));
  }
  document.getElementById("count").textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length} images`;
}

const enlarged = document.getElementById("enlarged");
let pair;

function enlarge(chosen) {
  pair = chosen;
  const row = document.getElementById(pair.dataset.row);
  const names = [...row.closest("table").tHead.rows[0].cells].map((header) => header.textContent.trim());
  for (const place of all("[data-column]", enlarged)) {
    place.replaceChildren(...row.cells[names.indexOf(place.dataset.column)].cloneNode(true).childNodes);
  }
  paint(pair.querySelector("img"));
  for (const button of all("[data-step]", enlarged)) button.disabled = !neighbour(Number(button.dataset.step));
  if (!enlarged.open) enlarged.showModal();
}

function paint(picture) {
  const gap = Number(enlarged.dataset.gap);
  const [width, height] = [(picture.naturalWidth - gap) / 2, picture.naturalHeight];
  const times = Math.ceil(Number(enlarged.dataset.large) / Math.max(width, height));
  const right = width + gap;
  const layers = [[0], [right], [0, right]];
  for (const [place, canvas] of all("canvas", enlarged).entries()) {
    [canvas.width, canvas.height] = [times * width, times * height];
    const context = canvas.getContext("2d");
    context.imageSmoothingEnabled = false;
    for (const left of layers[place]) {
      context.drawImage(picture, left, 0, width, height, 0, 0, canvas.width, canvas.height);
      context.globalCompositeOperation = "difference";
    }
  }
}

function neighbour(step) {
  const shown = all(".pair", pair.closest("ul, tbody")).filter((button) => button.checkVisibility());
  return shown[shown.indexOf(pair) + step];
}

function turn(step) {
  const next = neighbour(step);
  if (next) enlarge(next);
}

function turnByKey(event) {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (enlarged.open && step) turn(step);
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
for (const button of all("[data-format]")) button.addEventListener("click", () => save(button));
for (const button of all(".pair")) button.addEventListener("click", () => enlarge(button));
if (enlarged) {
  for (const button of all("[data-step]", enlarged)) button.addEventListener("click", () => turn(Number(button.dataset.step)));
  enlarged.querySelector("[data-close]").addEventListener("click", () => enlarged.close());
  enlarged.addEventListener("click", (event) => event.target === enlarged && enlarged.close());
  enlarged.addEventListener("close", () => pair.focus());
  document.addEventListener("keydown", turnByKey);
}
document.getElementById("truth")?.addEventListener("click", showTruth);
if (document.getElementById("count")) filter();
