/** Actions on the selection: right-click, the toolbar's button and Shift+F10 open the same menu. */

import { act } from "./acts.js";
import { count } from "./dom.js";
import { onKeys } from "./keys.js";
import { openMenu, openMenuAt } from "./menu.js";
import { canLabel, labels, multiLabel } from "./page-state.js";

const MOST_LABELS = 9;
/** Find similar takes the mean of several images; of more it would mean nothing in particular. */
const MOST_QUERIES = 100;

export function wireActions({ grid, selection, large, give, choose }) {
  const button = document.querySelector("[data-actions]");

  /** The selected images' tiles that are alive: enough to say what is carried. */
  const tiles = () => [...grid.root.querySelectorAll('.tile[aria-selected="true"]')];
  const carrying = (id) => tiles().filter((tile) => tile.querySelector(`[data-label="${id}"]`)).length;

  const tell = (event) => () => document.dispatchEvent(new CustomEvent(event, { detail: { selection: selection.json() } }));

  function items() {
    const open = { label: "Open large", icon: "search", keys: "Space", run: () => large.open(grid.order.placeOf(selection.active ?? selection.ids?.[0])) };
    const similar = { label: "Find similar", icon: "search", disabled: selection.size > MOST_QUERIES, title: selection.size > MOST_QUERIES ? `Select at most ${MOST_QUERIES} images` : undefined, run: tell("find-similar") };
    const head = { heading: `${count(selection.size, "image")} selected` };
    if (!canLabel) return [head, open, { heading: "AI tools" }, similar];
    return [
      head, ...labelItems(),
      { label: "Choose a label…", icon: "tag", keys: "L", run: choose },
      multiLabel && { label: "Default label…", icon: "star", run: openStarMenu },
      multiLabel && { label: "Mark the rest as absent", icon: "check", title: "The selected images carry none of the labels they do not carry now: thresholds are chosen from that", run: () => act("images/absent", selection.json()) },
      { label: "Take all labels", icon: "close", run: () => act("images/clear", selection.json()) },
      { heading: "AI tools" },
      { label: "Label by similarity", icon: "similar", run: tell("label-by-similarity") },
      similar,
      "---", open,
      { label: `Delete ${selection.size === 1 ? "image" : count(selection.size, "image")}`, icon: "trash", keys: "Del", run: trash },
    ].filter(Boolean);
  }

  function labelItems() {
    const all = labels();
    const first = [...all.filter((label) => label.key).sort((a, b) => a.key - b.key), ...all.filter((label) => !label.key)];
    const known = tiles().length;
    return first.slice(0, MOST_LABELS).map((label) => ({
      label: known && carrying(label.id) === known ? `✓ ${label.name}` : label.name,
      color: label.color, keys: label.key, run: () => give({ label: label.id }),
    }));
  }

  function openStarMenu() {
    const carried = labels().filter((label) => carrying(label.id));
    const box = button.getBoundingClientRect();
    openMenu([
      { heading: "Default label of the images that carry it" },
      ...carried.map((label) => ({ label: label.name, color: label.color, icon: "star", run: () => act("images/star", { ...selection.json(), label: label.id }) })),
      ...(carried.length ? [] : [{ label: "The selected images carry no label", disabled: true }]),
    ], { x: box.left, y: box.bottom + 4 });
  }

  async function trash() {
    if (await act("images/trash", selection.json())) selection.clear();
  }

  const openAt = (place) => selection.size && openMenu(items(), place);

  grid.root.addEventListener("contextmenu", (event) => {
    const tile = event.target.closest(".tile");
    if (!tile) return;
    event.preventDefault();
    const id = Number(tile.dataset.id);
    if (selection.has(id)) selection.active = id;
    else selection.only(id);
    openAt({ x: event.clientX, y: event.clientY });
  });
  button.addEventListener("click", () => openMenuAt(button, items()));
  onKeys("shift+f10 / contextmenu", "Actions on the selected images", () => {
    if (selection.size === 0 && selection.active !== null) selection.only(selection.active);
    const tile = grid.tile(selection.active);
    const box = (tile ?? button).getBoundingClientRect();
    openAt({ x: box.left + box.width / 2, y: box.top + box.height / 2 });
  }, { group: "Grid" });
  if (canLabel) {
    onKeys("delete", "Delete the selected images", () => large.id === null && selection.size && trash(), { group: "Grid" });
  }}
