/** What the page knows of the project: counts, labels, undo and redo, kept true by every answer. */

import { labelsChanged } from "./project.js";

const main = document.querySelector("#main");
export const canLabel = main.dataset.canLabel === "yes";
export const multiLabel = main.dataset.multiLabel === "yes";

export const state = {
  revision: Number(main.dataset.revision),
  counts: JSON.parse(main.dataset.counts),
  undo: document.querySelector("#undo")?.dataset.summary ?? "",
  redo: document.querySelector("#redo")?.dataset.summary ?? "",
};

const rows = document.querySelector("#label-rows");

/** Version of the list of labels that stands in the panel; the server leaves out what we have. */
export const labelsShown = () => rows.dataset.version;

/** The project's labels in the panel's order. */
export function labels() {
  return [...rows.querySelectorAll("[data-label]")].map((row) => ({
    id: Number(row.dataset.label), name: row.dataset.name, color: row.dataset.color, key: row.dataset.key,
    images: Number(row.dataset.images),
  }));
}

export const labelById = (id) => labels().find((label) => label.id === Number(id));

/** Take over what the server says the project is now. */
export function applyState(next) {
  const listChanged = next.label_rows !== null;
  if (listChanged) replaceRows(next);
  for (const row of rows.querySelectorAll("[data-label]")) {
    const images = next.label_counts[row.dataset.label] ?? 0;
    row.dataset.images = images;
    row.querySelector(".count").textContent = images.toLocaleString("en");
  }
  Object.assign(state, { revision: next.revision, counts: next.counts, undo: next.undo, redo: next.redo });
  drawCounts();
  document.dispatchEvent(new CustomEvent("state-changed"));
  if (listChanged) labelsChanged();
}

function replaceRows(next) {
  const focused = document.activeElement?.closest?.("#label-rows [data-label]")?.dataset.label;
  const made = document.createElement("template");
  made.innerHTML = next.label_rows;  // our own server's markup
  rows.replaceChildren(made.content);
  rows.dataset.version = next.label_list_version;
  if (focused) rows.querySelector(`[data-label="${focused}"] [data-label-menu]`)?.focus();
  document.querySelector("[data-no-labels]").hidden = rows.childElementCount > 0;
}

function drawCounts() {
  for (const place of document.querySelectorAll("[data-count]")) {
    const number = state.counts[place.dataset.count];
    place.textContent = number.toLocaleString("en");
    const line = place.closest("[data-hide-at-zero]");
    if (line) line.hidden = number === 0;
  }
  const share = document.querySelector("[data-labeled-share]");
  share.max = Math.max(state.counts.images, 1);
  share.value = state.counts.labeled;
  document.querySelector('[data-plural="images"]').textContent = state.counts.images === 1 ? "image" : "images";
}
