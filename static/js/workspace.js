/** The page of one project: makes its parts and introduces them to each other. */

import { wireActions } from "./actions.js";
import { actsOn } from "./acts.js";
import { ask } from "./dialog.js";
import { count } from "./dom.js";
import { drawFilter, isFiltered, query } from "./filters.js";
import { wireGestures } from "./gestures.js";
import { Grid } from "./grid.js";
import { get } from "./http.js";
import { wireLabels } from "./labels.js";
import { Large } from "./large.js";
import { wireLive } from "./live.js";
import { openMenuAt } from "./menu.js";
import { wirePosition } from "./position.js";
import { applyState, canLabel, labelsShown, state } from "./page-state.js";
import { projectUrl } from "./project.js";
import { Selection } from "./selection.js";
import { toastError } from "./toast.js";

const find = (selector) => document.querySelector(selector);
const root = find("#grid");
const scroller = find("#images");

const selection = new Selection({ matching: () => state.counts.matching, query });
const sentinels = { before: find("#sentinel-before"), after: find("#sentinel") };
const grid = new Grid({ root, scroller, sentinels, query, matching: () => state.counts.matching });
actsOn(grid);

const target = () => {
  if (large.id !== null) return { images: [large.id] };
  return selection.size ? selection.json() : null;
};
const { give, choose } = wireLabels({ target });
wireGestures({ grid, selection, open: (place) => large.open(place) });
wirePosition(grid);
const large = new Large({ grid, selection });
wireActions({ grid, selection, large, give, choose });
wireLive({ grid, selection });

// --- what is selected ------------------------------------------------------------------------

const bar = find("#selection-bar");
const selectAll = bar.querySelector("[data-select-all]");

function paint(tile) {
  const id = Number(tile.dataset.id);
  const selected = String(selection.has(id));
  if (tile.getAttribute("aria-selected") !== selected) tile.setAttribute("aria-selected", selected);
  tile.classList.toggle("active", id === selection.active);
}

function drawSelection() {
  for (const tile of root.querySelectorAll(".tile")) paint(tile);
  if (selection.active === null) root.removeAttribute("aria-activedescendant");
  else root.setAttribute("aria-activedescendant", `tile-${selection.active}`);
  const { matching } = state.counts;
  bar.hidden = selection.size === 0;
  find("#counts").hidden = selection.size > 0;
  document.body.classList.toggle("has-selection", selection.size > 0);
  find("#selection-count").textContent = selection.all && selection.size === matching
    ? `All ${count(matching, "image")}${isFiltered() ? (matching === 1 ? " that matches" : " that match") : ""} selected`
    : `${selection.size.toLocaleString("en")} selected`;
  selectAll.hidden = selection.size >= matching;
  selectAll.textContent = `Select all ${matching.toLocaleString("en")}${isFiltered() ? " that match" : ""}`;
}

grid.addEventListener("tile", ({ detail }) => paint(detail));
selection.addEventListener("change", drawSelection);
selectAll.addEventListener("click", () => selection.selectAll());
bar.querySelector("[data-clear-selection]").addEventListener("click", () => {
  selection.clear();
  root.focus({ preventScroll: true });
});
bar.querySelector("[data-pick-label]")?.addEventListener("click", choose);
document.addEventListener("act-done", ({ detail }) => {
  selection.drop(detail.gone);
  // "All that match" are others now: better nothing selected than something nobody chose.
  if (selection.all && detail.fewer !== 0) selection.clear();
});

// --- counts and empty states -----------------------------------------------------------------

function drawAround() {
  const { images, matching } = state.counts;
  find("#empty-project").hidden = images > 0;
  find("#empty-filter").hidden = images === 0 || matching > 0 || grid.order.length > 0;
  root.hidden = grid.order.length === 0;
  find("#filter").hidden = images === 0 && !isFiltered();
  find("#count-bar").hidden = images === 0;
  find("[data-matching]").textContent = isFiltered() ? `${matching.toLocaleString("en")} of ` : "";
  root.setAttribute("aria-label", `Images, ${matching.toLocaleString("en")}`);
  drawSelection();
}
document.addEventListener("state-changed", drawAround);
grid.addEventListener("loaded", drawAround);

document.addEventListener("filter-changed", async () => {
  selection.clear();
  try {
    applyState(await get(projectUrl(`state?${query()}&labels_shown=${labelsShown()}`)));
    await grid.reload();
  } catch (problem) {
    toastError(problem);
  }
});

// --- size of the tiles, panel, downloads -----------------------------------------------------

const size = find("#tile-size");
const NAMES = ["small", "medium", "large"];

function setSize(value) {
  const chosen = NAMES[value] ? Number(value) : 1;
  size.value = chosen;
  size.setAttribute("aria-valuetext", NAMES[chosen]);
  grid.setSize(chosen);
}
size.addEventListener("input", () => {
  localStorage.setItem("tile-size", size.value);
  setSize(size.value);
});

const toggle = find("#panel-toggle");
const narrow = matchMedia("(max-width: 800px)");

function showPanel(open) {
  document.body.classList.toggle("panel-closed", !open);
  toggle.setAttribute("aria-expanded", open);
}
toggle.addEventListener("click", () => showPanel(document.body.classList.contains("panel-closed")));
narrow.addEventListener("change", () => showPanel(!narrow.matches));
showPanel(!narrow.matches);

/** A file whose images are marked for training or validation; asks how many for validation. */
async function downloadSplit(csv) {
  const percent = await ask({
    title: "Train/validation split", confirm: "Download CSV",
    text: "A column “split” says train or validation. Near-duplicates stay on one side, and every label is split in this proportion.",
    field: { label: "Percent for validation, 1 to 50", type: "number", min: 1, max: 50, value: "20" },
  });
  if (percent) location.assign(`${csv}?${isFiltered() ? `${query()}&` : ""}validation=${percent}`);
}

find("#download").addEventListener("click", ({ currentTarget: button }) => {
  const filtered = isFiltered();
  const address = (kind) => button.dataset[kind];
  const of = count(state.counts.matching, "image");
  openMenuAt(button, [
    { heading: "All images" },
    { label: "Labels as CSV", icon: "download", href: address("csv") },
    { label: "Labels as JSON", icon: "download", href: address("json") },
    ...(filtered ? [
      { heading: `The ${of} shown` },
      { label: "Labels as CSV", icon: "download", href: `${address("csv")}?${query()}` },
      { label: "Labels as JSON", icon: "download", href: `${address("json")}?${query()}` },
    ] : []),
    "---",
    { label: "CSV with a train/validation split…", icon: "download", run: () => downloadSplit(address("csv")) },
    ...(canLabel ? ["---", { label: "Import labels from CSV…", icon: "upload", href: button.dataset.import }] : []),
  ]);
});

// What stands at the top of the scroller covers the images below it.
new ResizeObserver(([entry]) => {
  const sticky = getComputedStyle(entry.target).position === "sticky";
  grid.blocks.inset = sticky ? entry.target.offsetHeight : 0;
  scroller.style.setProperty("--inset", `${grid.blocks.inset}px`);
}).observe(find("#count-bar"));

setSize(localStorage.getItem("tile-size") ?? 1);
drawFilter();
drawAround();
root.setAttribute("aria-busy", "false");
