/** Similar images: select some, label them, review them, or look at one beside the query. */

import { compare } from "./compare.js";
import { element, swatch } from "./dom.js";
import { post } from "./http.js";
import { describeKeys, onKeys } from "./keys.js";
import { chooseLabel } from "./label-picker.js";
import { toast, toastError } from "./toast.js";

const page = document.querySelector(".similar");
const found = document.querySelector("[data-found]");
const { base } = page.dataset;
const canLabel = page.dataset.canLabel === "true";
const labels = JSON.parse(document.getElementById("labels").textContent);
const tiles = () => [...found.querySelectorAll(".similar-tile")];
const selected = () => tiles().filter((tile) => tile.getAttribute("aria-selected") === "true");
const ids = (some) => some.map((tile) => Number(tile.dataset.image));
let active = null;
let anchor = null;

function select(tile, on) {
  tile.setAttribute("aria-selected", String(on));
}

function makeActive(tile) {
  active?.classList.remove("active");
  active = tile;
  tile.classList.add("active");
  tile.scrollIntoView({ block: "nearest" });
  found.setAttribute("aria-activedescendant", tile.id);
}

function draw() {
  const number = selected().length;
  if (!canLabel) return;
  document.querySelector("[data-selected]").textContent = number ? `${number} selected` : "";
  for (const name of ["give", "review"]) document.querySelector(`[data-${name}]`).disabled = number === 0;
}

found.addEventListener("click", (event) => {
  const tile = event.target.closest(".similar-tile");
  if (!tile) return;
  const all = tiles();
  if (event.shiftKey && anchor) {
    const [from, to] = [all.indexOf(anchor), all.indexOf(tile)].sort((a, b) => a - b);
    for (const each of all.slice(from, to + 1)) select(each, true);
  } else {
    select(tile, tile.getAttribute("aria-selected") !== "true");
    anchor = tile;
  }
  makeActive(tile);
  draw();
});
found.addEventListener("dblclick", (event) => open(event.target.closest(".similar-tile")));

const queries = [...page.querySelectorAll("[data-query]")];
const correct = canLabel ? (image, choice) => give(choice, [image]) : null;

function look(query, hits, at) {
  const { query: image, name } = query.dataset;
  compare({ base, query: { image, name }, hits, at, labels: () => labels, again: tiles, correct, correctText: "Label…" });
}
const open = (tile) => look(queries[0], tiles(), tiles().indexOf(tile));
for (const query of queries) query.addEventListener("click", () => look(query, [], 0));

/** Give a label, and draw the chips as they are then. */
async function give(choice, images = ids(selected())) {
  if (!images.length) { toast("Select images first."); return; }
  try {
    const { message } = await post(`${base}images/label`, { images, mode: "add", ...choice });
    toast(message, { action: { label: "Undo", run: undo } });
    if (choice.name) { location.reload(); return; }
    drawLabel(images, labels.find((label) => label.id === choice.label));
  } catch (problem) {
    toastError(problem);
  }
}

function drawLabel(images, label) {
  for (const tile of tiles().filter((each) => images.includes(Number(each.dataset.image)))) {
    const carried = tile.dataset.labels ? tile.dataset.labels.split(",").map(Number) : [];
    if (carried.includes(label.id)) continue;
    const kept = page.dataset.multi === "true" ? carried : [];
    tile.dataset.labels = [...kept, label.id].join(",");
    const chip = element("span", { class: "chip" }, swatch(label.color), element("span", {}, label.name));
    const box = tile.querySelector(".labels");
    if (kept.length) box.append(chip);
    else box.replaceChildren(chip);
  }
}

async function undo() {
  try {
    await post(`${base}undo`, {});
    location.reload();
  } catch (problem) {
    toastError(problem);
  }
}

function step(by) {
  const all = tiles();
  const at = all.indexOf(active);
  const next = all[at < 0 ? 0 : Math.max(0, Math.min(all.length - 1, at + by))];
  if (next) makeActive(next);
}

function columns() {
  const [first, ...others] = tiles();
  const below = others.findIndex((tile) => tile.offsetTop > first.offsetTop);
  return below < 0 ? others.length + 1 : below + 1;
}

const GROUP = "Similar images";
onKeys("arrowright", "", () => step(1));
onKeys("arrowleft", "", () => step(-1));
onKeys("arrowdown", "", () => step(columns()));
onKeys("arrowup", "", () => step(-columns()));
describeKeys("← ↑ → ↓", "Move between images", GROUP);
onKeys("space", "Select the image, or take it out of the selection", (event) => {
  const button = event.target.closest("button, a");
  if (button) { button.click(); return; }
  if (active) select(active, active.getAttribute("aria-selected") !== "true");
  draw();
}, { group: GROUP });
onKeys("o / enter", "Open large beside the query", (event) => {
  const button = event.target.closest("button, a");
  if (button) button.click();
  else if (active) open(active);
}, { group: GROUP });
onKeys("ctrl+a", "Select all", () => setAll(true), { group: GROUP });
onKeys("escape", "Select none", () => setAll(false), { group: GROUP });

function setAll(on) {
  for (const tile of tiles()) select(tile, on);
  draw();
}

if (canLabel) {
  document.querySelector("[data-all]").addEventListener("click", () => setAll(selected().length < tiles().length));
  const picker = document.querySelector("[data-give]");
  const pick = async () => {
    if (!selected().length) { toast("Select images first."); return; }
    const choice = await chooseLabel(picker, labels);
    if (choice) await give(choice);
  };
  picker.addEventListener("click", pick);
  document.querySelector("[data-review]").addEventListener("click", async () => {
    try {
      location.assign((await post(`${base}batches/selection`, { images: ids(selected()) })).url);
    } catch (problem) {
      toastError(problem);
    }
  });
  onKeys("l", "Choose a label for the selected images", pick, { group: GROUP });
  describeKeys("1–9", "Label them with the label of that key", GROUP);
  for (const digit of "123456789") {
    onKeys(digit, "", () => {
      const label = labels.find((each) => each.key === digit);
      if (label) give({ label: label.id });
    });
  }
  onKeys("ctrl+z", "Undo", undo, { group: GROUP });
}
draw();
