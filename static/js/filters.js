/** The grid's filter and sort. The URL holds them; the form, the chips and the panel show them. */

import { element, icon, swatch } from "./dom.js";
import { labelById } from "./page-state.js";

const FILTERS = ["label", "show", "name", "source", "since", "until"];
const NAMES = [...FILTERS, "match", "sort"];
const TYPING_MS = 250;

const form = document.querySelector("#filter");
const chips = document.querySelector("#filter-chips");

let params = cleaned(new URLSearchParams(location.search));

function cleaned(given) {
  const kept = new URLSearchParams();
  for (const [name, value] of given) {
    if (NAMES.includes(name) && value !== "") kept.append(name, value);
  }
  if (!kept.has("label") || kept.get("match") === "any") kept.delete("match");
  if (kept.get("sort") === "name") kept.delete("sort");
  return kept;
}

/** The filter as the server takes it, sort included. */
export const query = () => params.toString();
export const isFiltered = () => FILTERS.some((name) => params.has(name));
export const filteredLabels = () => params.getAll("label").map(Number);
export const filterValue = (name) => params.get(name) ?? "";

/** Change the filter; a `filter-changed` event follows if that made a difference. */
export function changeFilter(mutate) {
  const before = params.toString();
  const draft = new URLSearchParams(params);
  mutate(draft);
  params = cleaned(draft);
  if (params.toString() === before) return;
  history.replaceState(null, "", params.size ? `?${params}` : location.pathname);
  drawFilter();
  document.dispatchEvent(new CustomEvent("filter-changed"));
}

export const clearFilter = () => changeFilter((draft) => FILTERS.forEach((name) => draft.delete(name)));

/** Keep a deleted label from making every following request a bad one. */
export function dropDeadLabels() {
  const alive = filteredLabels().filter((id) => labelById(id));
  if (alive.length === filteredLabels().length) return;
  changeFilter((draft) => {
    draft.delete("label");
    alive.forEach((id) => draft.append("label", id));
  });
}

/** Show the filter in the form, as chips, and in the panel. */
export function drawFilter() {
  for (const field of form.elements) {
    if (!field.name || field === document.activeElement) continue;
    field.value = params.get(field.name) ?? (field.name === "sort" ? "name" : field.name === "match" ? "any" : "");
  }
  chips.replaceChildren(...chipList());
  chips.hidden = chips.childElementCount === 0;
  const chosen = filteredLabels();
  for (const row of document.querySelectorAll("#label-rows [data-label]")) {
    row.querySelector("[data-filter-label]").setAttribute("aria-pressed", chosen.includes(Number(row.dataset.label)));
  }
  for (const button of document.querySelectorAll("#label-panel [data-show]")) {
    const on = button.dataset.show === "" ? !isFiltered() : params.get("show") === button.dataset.show;
    button.setAttribute("aria-pressed", on);
  }
}

function textOf(name) {
  const select = form.elements[name];
  return [...select.options].find((option) => option.value === params.get(name))?.textContent ?? "";
}

function chipList() {
  const made = [];
  const ids = filteredLabels();
  const word = { all: "all of", none: "none of" }[params.get("match")] ?? (ids.length > 1 ? "any of" : "");
  ids.forEach((id, index) => {
    const label = labelById(id);
    if (!label) return;
    made.push(chip(`${index === 0 && word ? `${word} ` : ""}${label.name}`, label.color, (draft) => {
      draft.delete("label");
      ids.filter((other) => other !== id).forEach((other) => draft.append("label", other));
    }));
  });
  if (params.has("show")) made.push(chip(textOf("show"), null, (draft) => draft.delete("show")));
  if (params.has("name")) made.push(chip(`name contains “${params.get("name")}”`, null, (draft) => draft.delete("name")));
  if (params.has("source")) made.push(chip(`labeled ${textOf("source")}`, null, (draft) => draft.delete("source")));
  if (params.has("since")) made.push(chip(`uploaded from ${params.get("since")}`, null, (draft) => draft.delete("since")));
  if (params.has("until")) made.push(chip(`uploaded until ${params.get("until")}`, null, (draft) => draft.delete("until")));
  if (made.length > 1) {
    const all = element("button", { class: "button small quiet", type: "button" }, "Clear filters");
    all.addEventListener("click", clearFilter);
    made.push(all);
  }
  return made;
}

function chip(text, color, remove) {
  const button = element("button", { class: "chip", type: "button", title: `Remove this filter: ${text}` },
    color && swatch(color), element("span", {}, text), icon("close"));
  button.addEventListener("click", () => changeFilter(remove));
  return button;
}

let timer = 0;
form.addEventListener("input", (event) => {
  const field = event.target;
  if (!field.name) return;
  clearTimeout(timer);
  const apply = () => changeFilter((draft) => draft.set(field.name, field.value));
  if (field.type === "search") timer = setTimeout(apply, TYPING_MS);
  else apply();
});
form.addEventListener("submit", (event) => event.preventDefault());
for (const button of document.querySelectorAll("[data-clear-filter]")) button.addEventListener("click", clearFilter);

// A popover that stays open over the grid would be in the way of the next click.
const more = form.querySelector(".more-filters");
document.addEventListener("pointerdown", (event) => {
  if (more.open && !more.contains(event.target)) more.open = false;
});
more.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !more.open) return;
  more.open = false;
  more.querySelector("summary").focus();
  event.stopPropagation();
});
