/** Labels that look wrong: a card an image; correct it, say it is right, or look at it beside a neighbour. */

import { compare } from "./compare.js";
import { count } from "./dom.js";
import { post } from "./http.js";
import { chooseLabel } from "./label-picker.js";
import { openMenu, openMenuAt } from "./menu.js";
import { Selection } from "./selection.js";
import { toast, toastError } from "./toast.js";
import { wireKeys } from "./wrong-labels-keys.js";
import { drawUndoButtons, watchUndoButtons } from "./undo-buttons.js";

const page = document.querySelector(".wrong");
const list = document.querySelector("[data-suspects]");
const more = document.querySelector("[data-more]");
const { base, label: filter } = page.dataset;
const canLabel = page.dataset.canLabel === "yes";
let labels = JSON.parse(document.getElementById("labels").textContent);
let undoable = { undo: page.dataset.undo, redo: page.dataset.redo };
let lastToast = null;

/** Cards that are done stay as hidden places: undo brings them back where they were. */
const cards = () => [...list.querySelectorAll(".suspect:not([hidden])")];
const cardOf = (id) => list.querySelector(`[data-image="${id}"].suspect`);
const idOf = (card) => Number(card.dataset.image);
const selection = new Selection({ matching: () => cards().length, query: () => "" });

// --- what the page shows ---------------------------------------------------------------------

function cardFrom(html) {
  const made = document.createElement("template");
  made.innerHTML = html;  // drawn and escaped by our own server
  return made.content.firstElementChild;
}

/** Ask which of the shown cards look different by now, and draw those in their places. */
async function refresh({ further = false } = {}) {
  const known = Object.fromEntries([...list.querySelectorAll(".suspect")].map((card) => [card.dataset.image, card.hidden ? "" : card.dataset.version]));
  const answer = await post(`${base}wrong-labels/cards`, { label: filter, known, more: further });
  for (const { image, html } of answer.cards) draw(cardOf(image), cardFrom(html));
  for (const id of answer.gone) hide(cardOf(id));
  ({ labels } = answer);
  undoable = { undo: answer.undo, redo: answer.redo };
  more.hidden = !answer.more || list.childElementCount >= Number(page.dataset.mostKnown);
  drawSums(answer.sums);
  drawNumbers(answer.numbers);
  drawUndoButtons(undoable);
  drawSelection();
  if (!cards().length) await whatIsLeft(answer, further);
}

/** Everything shown is done: go on with what follows, or let the server say that nothing does. */
async function whatIsLeft(answer, further) {
  if (answer.more && !further) await refresh({ further: true });
  else document.querySelector("[data-empty]").hidden = false;
}

function draw(old, card) {
  document.querySelector("[data-empty]").hidden = true;
  if (!old) { list.append(card); return; }
  const focused = old.contains(document.activeElement);
  old.replaceWith(card);
  if (focused) card.focus({ preventScroll: true });
}

function hide(card) {
  if (card.hidden) return;
  const all = cards();
  const at = all.indexOf(card);
  const focused = card.contains(document.activeElement);
  card.hidden = true;
  selection.drop([idOf(card)]);
  if (selection.active !== idOf(card)) return;
  const next = all[at + 1] ?? all[at - 1];
  makeActive(next, { focus: focused });
}

function drawSums({ number, expected }) {
  const line = document.querySelector("[data-sums]");
  line.hidden = false;
  line.textContent = number ? `${count(number, "label")} ${number === 1 ? "looks" : "look"} wrong${expected ? `, about ${expected.toLocaleString("en")} expected to be` : ""}` : "No label looks wrong";
}

/** How many look wrong, behind each label that can be chosen. */
function drawNumbers(numbers) {
  const all = Object.values(numbers).reduce((sum, number) => sum + number, 0);
  for (const option of document.querySelectorAll("[data-filter] option")) {
    option.textContent = `${option.dataset.name} (${(option.value ? numbers[option.value] ?? 0 : all).toLocaleString("en")})`;
  }
}

// --- selection -------------------------------------------------------------------------------

function makeActive(card, { focus = true } = {}) {
  selection.active = card ? idOf(card) : null;
  selection.anchor ??= selection.active;
  drawSelection();
  if (card && focus) card.focus({ preventScroll: true });
}

function drawSelection() {
  for (const card of list.querySelectorAll(".suspect")) {
    const selected = selection.has(idOf(card));
    card.classList.toggle("selected", selected);
    card.classList.toggle("current", selection.active === idOf(card));
    const box = card.querySelector("[data-pick]");
    if (box) box.checked = selected;
  }
  const line = document.querySelector("[data-selected]");
  if (line) line.textContent = selection.size ? `${selection.size} selected` : "";
}
selection.addEventListener("change", drawSelection);

/** Select from the anchor to a card, as the grid does. */
function extend(card, keep) {
  const all = cards();
  const ends = [all.findIndex((each) => idOf(each) === (selection.anchor ?? idOf(card))), all.indexOf(card)].sort((a, b) => a - b);
  const ids = all.slice(Math.max(0, ends[0]), ends[1] + 1).map(idOf);
  selection.active = idOf(card);
  if (keep) selection.add(ids);
  else selection.set(ids);
}

function pick(card, event) {
  if (event.shiftKey) extend(card, event.ctrlKey || event.metaKey);
  else if (event.ctrlKey || event.metaKey || event.pointerType === "touch") selection.toggle(idOf(card));
  else selection.only(idOf(card));
  card.focus({ preventScroll: true });
}

/** What an act is about: the selected cards, or else the current one. */
function meant() {
  const all = cards();
  const selected = all.filter((card) => selection.has(idOf(card)));
  return selected.length ? selected : all.filter((card) => idOf(card) === selection.active);
}

/** What a button or the menu of a card is about: all that are selected, if it is among them. */
function meantBy(card) {
  if (!selection.has(idOf(card))) selection.set([]);
  makeActive(card, { focus: false });
  return meant();
}

// --- acts ------------------------------------------------------------------------------------

/* Acts wait for each other: undo pressed right after a key must find that key's act done. Cards are
   asked for when the last of them is done: an answer in between would bring back what is hidden. */
let queue = Promise.resolve();
let waiting = 0;

function act(path, body = {}) {
  waiting += 1;
  queue = queue.then(() => send(path, body)).catch(toastError).then(async () => {
    waiting -= 1;
    if (waiting === 0) await refresh().catch(toastError);
  });
  return queue;
}

async function send(path, body) {
  const answer = await post(`${base}${path}`, body);
  lastToast?.remove();
  const takesBack = answer.act && !/\b(un|re)do$/.test(path);
  lastToast = toast(answer.message, { action: takesBack ? { label: "Undo", run: undo } : undefined });
}

/** Do something to cards; they leave the page at once, and come back if that fails. */
function actOn(some, path, body) {
  if (!some.length) { toast("Choose an image first: click it, or press an arrow key."); return; }
  const focused = some.some((card) => card.contains(document.activeElement));
  for (const card of some) hide(card);
  const next = cardOf(selection.active);
  if (focused && next) { next.focus({ preventScroll: true }); next.scrollIntoView({ block: "nearest" }); }
  act(path, body);
}

const triples = (some) => some.map(({ dataset }) => [Number(dataset.image), Number(dataset.given), Number(dataset.suggested)]);
const take = (some) => actOn(some, "wrong-labels/replace", { cards: triples(some) });
const give = (some, choice) => actOn(some, "wrong-labels/replace", { cards: triples(some), ...choice });
const right = (some) => actOn(some, "wrong-labels/confirm", { cards: triples(some).map((each) => each.slice(0, 2)) });
const trash = (some) => actOn(some, "images/trash", { images: some.map(idOf) });
const undo = () => act("undo");
const redo = () => act("redo");

async function choose(some, anchor = null) {
  if (!some.length) return give(some, {});
  const choice = await chooseLabel(anchor, labels, { title: some.length === 1 ? "What is the right label?" : `The right label of ${count(some.length, "image")}` });
  return choice ? give(some, choice) : undefined;
}

function giveKey(digit) {
  const label = labels.find((each) => each.key === digit);
  if (label) give(meant(), { label: label.id });
  else toast(`No label has the key ${digit}. Set one in the label's menu on the project's page.`);
}

function look(card, image = null) {
  const hits = [...card.querySelectorAll("[data-hit]")];
  const { image: id, name, givenName } = card.dataset;
  const dialog = compare({
    base, query: { image: id, name }, hits, at: Math.max(0, hits.findIndex((hit) => hit.dataset.image === image)),
    labels: () => labels, title: "Beside its neighbours", queryText: `Labeled ${givenName}`, correct: null, again: () => hits,
  });
  // Not to the button that opened it, on which Enter would open it again.
  dialog.addEventListener("close", () => card.focus({ preventScroll: true }));
}

// --- menu, clicks ----------------------------------------------------------------------------

function items(card) {
  const some = meantBy(card);
  const many = some.length > 1 ? ` (${some.length})` : "";
  return [
    some.length > 1 && { heading: `${count(some.length, "image")} selected` },
    { label: `Take the suggested label${many}`, icon: "check", keys: "Enter", run: () => take(some) },
    { label: `Label is right${many}`, icon: "star", keys: "R", run: () => right(some) },
    { label: `Another label…${many}`, icon: "tag", keys: "L", run: () => choose(some) },
    "---",
    { label: "Open large", icon: "search", keys: "O", run: () => look(card) },
    { label: `Delete ${some.length === 1 ? "image" : count(some.length, "image")}`, icon: "trash", keys: "Del", run: () => trash(some) },
  ].filter(Boolean);
}

list.addEventListener("click", (event) => {
  const card = event.target.closest(".suspect");
  if (!card) return;
  const button = event.target.closest("button");
  if (event.target.closest("[data-pick]")) { selection.toggle(idOf(card)); return; }
  if (!button) { pick(card, event); return; }
  if ("hit" in button.dataset) { makeActive(card, { focus: false }); look(card, button.dataset.image); }
  else if ("large" in button.dataset) { makeActive(card, { focus: false }); look(card); }
  else if ("take" in button.dataset) take(meantBy(card));
  else if ("right" in button.dataset) right(meantBy(card));
  else if ("menu" in button.dataset) openMenuAt(button, items(card));
});
list.addEventListener("dblclick", (event) => {
  const card = event.target.closest(".suspect");
  if (card && !event.target.closest("button, input")) look(card);
});
list.addEventListener("contextmenu", (event) => {
  const card = event.target.closest(".suspect");
  if (!card || !canLabel) return;
  event.preventDefault();
  openMenu(items(card), { x: event.clientX, y: event.clientY });
});

more.addEventListener("click", async () => {
  more.disabled = true;
  await refresh({ further: true }).catch(toastError);
  more.disabled = false;
});
document.querySelector("[data-filter]")?.addEventListener("change", ({ currentTarget }) => currentTarget.submit());

// --- undo ------------------------------------------------------------------------------------

watchUndoButtons({ undo, redo });
drawUndoButtons(undoable);

wireKeys({
  list, cards, selection, idOf, cardOf, makeActive, extend, meant, items, look, canLabel,
  acts: { take, right, trash, choose, giveKey, undo, redo },
  further: () => !more.hidden && !more.disabled && more.click(),
});
