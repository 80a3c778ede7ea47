/** The rows of the review page: replaced part by part as the server draws them, without losing focus. */

import { element } from "./dom.js";

const holder = document.querySelector("[data-rows]");


export const allRows = () => [...holder.querySelectorAll(".row")];
export const rowOf = (id) => document.getElementById(`row-${id}`);
export const itemOf = (row) => Number(row.dataset.item);
export const isRead = (row) => row.dataset.version !== "";
export const tickedIn = (row) => (row.dataset.ticked ? row.dataset.ticked.split(",").map(Number) : []);

/** Which version of which row the page has. */
export function known() {
  return Object.fromEntries(allRows().filter(isRead).map((row) => [row.dataset.item, row.dataset.version]));
}

/** Ids of the rows within so many pixels of the window: what a moved control has drawn at once. */
export function nearRows(px) {
  const isNear = ({ top, bottom }) => bottom > -px && top < innerHeight + px;
  return allRows().filter((row) => isNear(row.getBoundingClientRect())).map(itemOf);
}

/** Rows that changed on the server and were not drawn: read again when they come into view. */
export function markStale(ids, watch) {
  for (const row of ids.map(rowOf).filter(Boolean)) {
    row.dataset.version = "";
    watch(row);
  }
}

/** Every read row with its ticks, as the person sees them. */
export function seenTicks() {
  return Object.fromEntries(allRows().filter(isRead).map((row) => [row.dataset.item, tickedIn(row)]));
}

/** Show a tick before the server says so; the answer draws the row anew either way. */
export function tickAtOnce(row, button, { single }) {
  const ticked = button.getAttribute("aria-checked") !== "true";
  if (single) for (const other of row.querySelectorAll(".tick")) other.setAttribute("aria-checked", "false");
  button.setAttribute("aria-checked", String(ticked));
  // Not confirmed yet: whatever the server has is newer. What stands behind the dash is the strip.
  row.dataset.version = row.dataset.version.replace(/^[^-]*/, "touched");
  return ticked;
}

/** Take what the server drew. */
export function applyRows({ html, gone }) {
  for (const [id, text] of Object.entries(html)) {
    const row = rowOf(id);
    if (row) replace(row, parse(text));
  }
  for (const id of gone) remove(rowOf(id));
}

/** Rows that came while the page was open: drawn when they come into view. */
export function addMissing(ids, watch) {
  const missing = ids.filter((id) => !rowOf(id));
  if (!missing.length) return;
  let chunk = [...holder.querySelectorAll("[data-chunk]")].at(-1);
  for (const id of missing) {
    if (!chunk || chunk.children.length >= 50) {
      chunk = element("section", { class: "chunk", "data-chunk": true });
      holder.append(chunk);
    }
    const row = element("article", {
      class: "row unread", id: `row-${id}`, "data-item": id, "data-version": "", tabindex: "-1", "aria-label": "Row not loaded yet",
    });
    chunk.append(row);
    watch(row);
  }
  holder.querySelector("[data-nothing]").hidden = true;
}

function parse(text) {
  const template = document.createElement("template");
  template.innerHTML = text;  // drawn and escaped by our own server
  return template.content.querySelector(".row");
}

function replace(row, drawn) {
  const focus = row.contains(document.activeElement) ? document.activeElement.dataset.focus : null;
  const isCurrent = row.classList.contains("current");
  for (const { name } of [...row.attributes]) if (!drawn.hasAttribute(name)) row.removeAttribute(name);
  for (const { name, value } of [...drawn.attributes]) row.setAttribute(name, value);
  row.classList.toggle("current", isCurrent);
  const parts = [...drawn.querySelectorAll(":scope > [data-part]")];
  for (const part of parts) replacePart(row, part);
  if (focus && !row.contains(document.activeElement)) {
    (row.querySelector(`[data-focus="${CSS.escape(focus)}"]`) ?? row).focus({ preventScroll: true });
  }
}

/** What the server did not draw is as it was. */
function replacePart(row, drawn) {
  const old = row.querySelector(`:scope > [data-part="${drawn.dataset.part}"]`);
  if (!old) row.append(drawn);
  else if (!old.isEqualNode(drawn)) old.replaceWith(drawn);
}

function remove(row) {
  if (!row) return;
  const near = row.nextElementSibling ?? row.previousElementSibling;
  const hadFocus = row.contains(document.activeElement);
  row.remove();
  if (hadFocus) near?.focus();
}

/** The row that keys speak to. */
export function currentRow() {
  return holder.querySelector(".row.current");
}

export function makeCurrent(row, { focus = true } = {}) {
  if (!row) return;
  const before = currentRow();
  if (before !== row) {
    before?.classList.remove("current");
    row.classList.add("current");
  }
  if (!focus) return;
  row.focus({ preventScroll: true });
  row.scrollIntoView({ block: "nearest" });
}

/** Go up or down by rows; the first one in view where none is current. */
export function moveRow(step) {
  const rows = allRows();
  const at = rows.indexOf(currentRow());
  if (at < 0) return makeCurrent(rows.find((row) => row.getBoundingClientRect().bottom > 180) ?? rows[0]);
  return makeCurrent(rows[Math.max(0, Math.min(rows.length - 1, at + step))]);
}
