/** Review by label: makes the page's parts, gives keys and buttons their meaning, saves acts one after another. */

import { wireFrame } from "./by-label-frame.js";
import { wireGestures } from "./by-label-gestures.js";
import { largeView } from "./by-label-large.js";
import { Sheet, idOf, isNew, othersOf, sectionOf } from "./by-label-sheet.js";
import { count, element, swatch } from "./dom.js";
import { get, post } from "./http.js";
import { describeKeys, onKeys } from "./keys.js";
import { chooseLabel } from "./label-picker.js";
import { openMenu } from "./menu.js";
import { toast, toastError } from "./toast.js";

const GROUP = "Review by label";
const KEYS = 9;
const MOST_LEFT_OUT = 500;
const ASK_AGAIN_MS = 3000;
const find = (selector) => document.querySelector(selector);
const main = find("#main");
const { base } = main.dataset;
const panel = find("#by-label-panel");
const sheet = new Sheet(find("[data-sheet]"));
const before = find("[data-before]");

let labels = JSON.parse(find("#labels").textContent);
let undoable = { undo: main.dataset.undo, redo: main.dataset.redo };
let queue = Promise.resolve();
let waiting = 0;
let newest = 0;
let lastToast = null;

const labelById = (id) => labels.find((label) => label.id === Number(id));
const isMany = () => labels.length > KEYS;
const method = () => find("#method").value;

// --- the server ------------------------------------------------------------------------------

/** What the address asks for, and what is left out for now. */
function query() {
  const asked = new URLSearchParams(location.search);
  const leftOut = sheet.leftOut.slice(-MOST_LEFT_OUT);
  if (leftOut.length) asked.set("but", leftOut.join(","));
  return asked;
}

/** Fetch the sheet anew. An answer that comes after something newer was asked is thrown away. */
async function load() {
  const mine = ++newest;
  sheet.root.setAttribute("aria-busy", "true");
  try {
    const answer = await get(`${base}by-label/sheet?${query()}`);
    if (mine !== newest) return;
    ({ labels } = answer);
    undoable = { undo: answer.undo, redo: answer.redo };
    panel.querySelector("[data-panel]").innerHTML = answer.panel;  // drawn and escaped by our own server
    find("[data-reason]").textContent = answer.reason;
    sheet.replace(answer.sheet, { settled: !waiting });
    drawUndo();
    askAgain();
  } catch (problem) {
    if (mine === newest) toastError(problem);
  }
  if (mine === newest) sheet.root.setAttribute("aria-busy", "false");
}

/** While images wait and nothing can be shown, look again. */
function askAgain() {
  if (!sheet.root.querySelector("[data-pending]") || sheet.tiles.length) return;
  const asked = newest;
  setTimeout(() => { if (asked === newest && !waiting) load(); }, ASK_AGAIN_MS);
}

/** Requests wait for each other: undo pressed right after a key must find that key's act done. */
function act(path, body, failed) {
  waiting += 1;
  newest += 1;  // a sheet on its way does not know of this yet
  sheet.root.setAttribute("aria-busy", "true");
  queue = queue.then(async () => {
    try {
      const answer = await post(`${base}${path}`, body);
      lastToast?.remove();
      const takesBack = answer.act && !/^(un|re)do$/.test(path);
      lastToast = toast(answer.message, { action: takesBack ? { label: "Undo", run: takeBack } : undefined });
    } catch (problem) {
      failed?.();
      toastError(problem);
    }
    waiting -= 1;
    if (!waiting) await load();
  });
  return queue;
}

function toTop() {
  find("[data-scroller]").scrollTop = 0;
  scrollTo(0, 0);
}

/** `only`: nothing but what was named, so the sheet stays where it is. */
function decide(decisions, { only = false } = {}) {
  act("by-label/decide", { decisions, method: method() }, sheet.send(decisions));
  // What comes next is looked at from its beginning: nothing above the window is to be accepted unseen.
  if (!only) toTop();
}

// --- acts ------------------------------------------------------------------------------------

const nothing = (sentence) => toast(sentence);
const needsTile = (run) => () => (sheet.currentTile ? run(sheet.currentTile) : nothing("Choose a photo first: point at it, or press an arrow key."));

function acceptBefore(tile) {
  const range = sheet.before(tile);
  if (!range.length) return nothing(isNew(tile) ? "Nothing under “New?” is accepted by itself." : "Nothing stands before this photo.");
  return decide(sheet.decisions(range));
}

function acceptTiles(tiles) {
  const decisions = sheet.decisions(tiles);
  if (decisions.length) decide(decisions);
  else nothing("There is nothing to accept.");
}

const acceptSection = (section) => acceptTiles([...section.querySelectorAll(".tile:not([hidden])")]);
const acceptAll = () => acceptTiles(sheet.tiles);

/** Give a label to a tile and accept what stands before it, as one act. */
function correctAndAccept(tile, label) {
  const range = sheet.before(tile);
  sheet.give([tile], label);
  decide(sheet.decisions(range), { only: isNew(tile) });
}

/** A label's key: for the marked ones if there are any, else for the current one. */
function give(label, { always = false } = {}) {
  const marked = sheet.marked;
  const tile = sheet.currentTile;
  if (marked.length && !always) {
    sheet.give(marked, label);
    // What is new has nothing before it to wait for.
    if (marked.some(isNew)) decide(sheet.decisions([]), { only: true });
  } else if (!tile) nothing("Choose a photo first: point at it, or press an arrow key.");
  else if (always || before.checked || isNew(tile)) correctAndAccept(tile, label);
  else sheet.give([tile], label);
}

async function choose() {
  if (!sheet.marked.length && !sheet.currentTile) return nothing("Choose a photo first: point at it, or press an arrow key.");
  const anchor = sheet.currentTile;
  const choice = await chooseLabel(null, labels, { title: sheet.marked.length ? `Label ${count(sheet.marked.length, "marked photo")}` : "What is it?", hint: hintOf(anchor) });
  if (!choice) return undefined;
  if (anchor) sheet.makeCurrent(anchor);
  const label = choice.label ? labelById(choice.label) : await newLabel(choice.name);
  return label && give(label);
}

async function newLabel(name) {
  try {
    const answer = await post(`${base}by-label/new-label`, { name });
    ({ labels } = answer);
    return answer.label;
  } catch (problem) {
    toastError(problem);
    return null;
  }
}

const takeBack = () => act("undo", {});
const undo = () => (sheet.undo() ? undefined : takeBack());
const redo = () => (sheet.redo() ? undefined : act("redo", {}));

// --- keys of labels --------------------------------------------------------------------------

/** The labels of the keys 1 to 9: the labels' own, or with more labels the likeliest of a tile. */
function keyLabels(tile) {
  if (!isMany()) return new Map(labels.filter(({ key }) => key).map((label) => [label.key, label]));
  if (!tile) return new Map();
  const ids = [...(tile.dataset.suggested ? [Number(tile.dataset.suggested)] : []), ...othersOf(tile)];
  return new Map(ids.map(labelById).filter(Boolean).slice(0, KEYS).map((label, at) => [String(at + 1), label]));
}

const keyTile = () => sheet.currentTile ?? sheet.marked[0] ?? null;

function hintOf(tile) {
  const keys = new Map([...keyLabels(tile)].map(([key, label]) => [label.id, key]));
  return (label) => keys.get(label.id) ?? "";
}

function onDigit(digit, options) {
  const label = keyLabels(keyTile()).get(digit);
  if (label) give(label, options);
  else if (isMany()) nothing(keyTile() ? `No label has the key ${digit} for this photo; press L to choose one.` : "Choose a photo first: point at it, or press an arrow key.");
  else nothing(`No label has the key ${digit}. Set one in the label's menu on the project's page.`);
}

// --- what is drawn around the sheet ----------------------------------------------------------

function drawKeys() {
  const here = find("[data-keys-here]");
  const tile = keyTile();
  here.hidden = !isMany() || !tile;
  if (here.hidden) return;
  const rows = [...keyLabels(tile)].map(([key, label]) => {
    const button = element("button", { class: "pick", type: "button", "data-give": label.id, title: `Give ${label.name} (${key})` },
      element("kbd", {}, key), swatch(label.color), element("span", { class: "name truncate" }, label.name));
    return element("li", {}, button);
  });
  find("[data-key-rows]").replaceChildren(...rows);
}

const kbd = (key) => element("kbd", {}, key);

/** What an act on these tiles comes to, with the corrections that are saved by any act. */
function accepts(range) {
  if (!range.length) return "";
  const rejects = range.filter((tile) => sheet.isMarked(tile) && !sheet.givenTo(tile)).length;
  const right = range.filter((tile) => !sheet.isMarked(tile) && !sheet.givenTo(tile)).length;
  const parts = [right && `accepts the ${right} before it`, sheet.corrected && `corrects ${sheet.corrected}`, rejects && `rejects ${rejects}`];
  return parts.filter(Boolean).join(", ");
}

/** One line that says what the keys will do with what is on the sheet now. */
function drawBar() {
  const tile = sheet.currentTile;
  const marked = sheet.marked.filter((each) => !isNew(each)).length;
  const selected = sheet.marked.length - marked;
  const will = accepts(sheet.before(tile));
  const parts = [];
  const said = [marked && `${marked} marked as wrong`, selected && `${selected} selected`, sheet.corrected && `${sheet.corrected} corrected, not saved yet`].filter(Boolean);
  if (said.length) parts.push([element("b", {}, said.join(", "))]);
  if (sheet.marked.length) parts.push([kbd("1"), "–", kbd("9"), " or ", kbd("L"), " gives ", sheet.marked.length === 1 ? "it its label" : `the ${sheet.marked.length} their label`]);
  else if (tile) parts.push([kbd("1"), "–", kbd("9"), " gives this photo its label", before.checked && will ? ` and ${will}` : ""]);
  else if (sheet.tiles.length && sheet.tiles.every(isNew)) parts.push(["Point at a photo, or select several, and press the key of the label, or ", kbd("L"), " for a new one."]);
  else if (sheet.tiles.length) parts.push(["Look for the first wrong photo, point at it and press the key of its label."]);
  if (will) parts.push([kbd("E"), ` ${will}`]);
  find("[data-will]").replaceChildren(...parts.map((part) => element("span", {}, ...part)));
  drawAccepts();
  const leftOut = find("[data-left-out]");
  leftOut.hidden = !sheet.leftOut.length;
  leftOut.textContent = `${count(sheet.leftOut.length, "photo")} left out · Show again`;
}

function acceptText(tiles) {
  const others = tiles.filter((tile) => !isNew(tile) && !sheet.isMarked(tile) && !sheet.givenTo(tile)).length;
  const touched = tiles.some((tile) => !isNew(tile) && (sheet.isMarked(tile) || sheet.givenTo(tile)));
  return others ? `Accept ${touched ? "the other" : "all"} ${others}` : "Save what is marked";
}

function drawAccepts() {
  for (const section of sheet.root.querySelectorAll("[data-section]:not([hidden])")) {
    const tiles = [...section.querySelectorAll(".tile:not([hidden])")];
    section.querySelector("[data-tiles]").textContent = count(tiles.length, "image");
    const text = section.querySelector("[data-accept-text]");
    if (text) text.textContent = acceptText(tiles);
  }
  find("[data-accept-all-text]").textContent = acceptText(sheet.tiles);
  const isOfUse = sheet.corrected > 0 || sheet.tiles.some((tile) => !isNew(tile));
  find("[data-accept-all]").hidden = !isOfUse;
  before.closest("label").hidden = !isOfUse;
}

function drawUndo() {
  for (const [name, word, keys] of [["undo", "Undo", "Ctrl+Z"], ["redo", "Redo", "Ctrl+Shift+Z"]]) {
    const button = find(`[data-${name}-button]`);
    const summary = undoable[name];
    button.title = `${summary ? `${word}: ${summary}` : word} (${keys})`;
    button.setAttribute("aria-label", summary ? `${word}: ${summary}` : word);
  }
}

sheet.addEventListener("change", () => { drawKeys(); drawBar(); });

// --- where one is ----------------------------------------------------------------------------

function go(address) {
  history.pushState(null, "", address);
  toTop();
  arrive();
}

function arrive() {
  find("#method").value = new URLSearchParams(location.search).get("method") ?? find("#method").options[0].value;
  load();
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("#by-label-panel a.pick, a[data-go]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  go(link.getAttribute("href"));
});
addEventListener("popstate", arrive);
find("#method").addEventListener("change", () => {
  const asked = new URLSearchParams(location.search);
  asked.set("method", method());
  go(`?${asked}`);
});
addEventListener("beforeunload", (event) => { if (sheet.corrected || waiting) event.preventDefault(); });

// --- buttons and menus -----------------------------------------------------------------------

sheet.root.addEventListener("click", (event) => {
  if (event.target.closest("[data-accept-section]")) acceptSection(sectionOf(event.target));
  else if (event.target.closest("[data-look-again]")) load();
  else if (event.target.closest("[data-show-left-out]")) showLeftOut();
});
find("[data-accept-all]").addEventListener("click", acceptAll);
find("[data-left-out]").addEventListener("click", showLeftOut);
find("[data-undo-button]").addEventListener("click", undo);
find("[data-redo-button]").addEventListener("click", redo);
panel.addEventListener("click", (event) => {
  const button = event.target.closest("[data-give]");
  if (button) give(labelById(button.dataset.give), { always: event.altKey });
});

function showLeftOut() {
  sheet.showLeftOut();
  load();
}

function leaveOut(tile) {
  sheet.leaveOut(tile);
  if (!sheet.tiles.length) load();
}

const openLarge = largeView({ sheet, base, method });

function openTileMenu(tile, at) {
  const range = sheet.before(tile).length;
  const marked = sheet.marked.length;
  openMenu([
    { label: range ? `Everything before this one is right (${range})` : "Everything before this one is right", icon: "check", keys: "E", disabled: !range, run: () => acceptBefore(tile) },
    { label: sheet.isMarked(tile) || sheet.givenTo(tile) ? "Not wrong after all" : isNew(tile) ? "Select" : "Mark as wrong", icon: "close", keys: "Space", run: () => sheet.toggle(tile) },
    "---",
    { heading: marked ? `Label ${count(marked, "marked photo")}` : "It is" },
    ...[...keyLabels(tile)].map(([key, label]) => ({ label: label.name, color: label.color, keys: key, run: () => give(label) })),
    { label: "Another label…", icon: "tag", keys: "L", run: choose },
    "---",
    { label: "Leave out for now", icon: "next", keys: "N", run: () => leaveOut(tile) },
    { label: "Open large", icon: "search", keys: "O", run: () => openLarge(tile) },
  ], at);
}

sheet.root.addEventListener("contextmenu", (event) => {
  const tile = event.target.closest(".tile") ?? sheet.currentTile;
  if (!tile || event.target.closest("button, a")) return;
  event.preventDefault();
  sheet.makeCurrent(tile);
  const box = tile.getBoundingClientRect();
  const byPointer = event.target.closest(".tile") && (event.clientX || event.clientY);
  openTileMenu(tile, byPointer ? { x: event.clientX, y: event.clientY } : { x: box.left + 24, y: box.top + 24 });
});

// --- keys ------------------------------------------------------------------------------------

/** A key held down must not act on what the next sheet has in the same place. */
const once = (run) => (event) => { if (!event.repeat) run(event); };

wireGestures({ sheet, scroller: find("[data-scroller]"), open: openLarge });
describeKeys("1–9", "Give the label of that key to the marked photos, else to the current one", GROUP);
describeKeys("shift+1–9", "Correct the current photo and accept everything before it, as one act", GROUP);
for (const digit of "123456789") onKeys(digit, "", once(() => onDigit(digit)));
document.addEventListener("keydown", (event) => {
  const digit = /^Digit([1-9])$/.exec(event.code)?.[1];
  // Where digits need Shift, they arrive as digits and mean the plain key.
  if (!digit || !event.shiftKey || event.key === digit || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.target.closest("input:not([type=checkbox], [type=range]), select")) return;
  if (document.querySelector("dialog[open]") && !event.target.closest("dialog[data-keys]")) return;
  event.preventDefault();
  onDigit(digit, { always: true });
});
onKeys("l / /", "Choose its label by typing; a new name makes a new label", choose, { group: GROUP });
onKeys("e", "Everything before the current photo is right", once(needsTile(acceptBefore)), { group: GROUP });
onKeys("a", "Accept the photos of this label that are not marked; the marked ones are not suggested as it again", once(needsTile((tile) => acceptSection(sectionOf(tile)))), { group: GROUP });
onKeys("ctrl+enter", "Accept the whole sheet but the marked ones", once(acceptAll), { group: GROUP });
onKeys("n", "Leave the current photo out for now", needsTile(leaveOut), { group: GROUP });
onKeys("o", "Open large, with what speaks for it", needsTile((tile) => { if (!document.querySelector("dialog[open]")) openLarge(tile); }), { group: GROUP });
onKeys("escape", "Take marks and corrections back that are not saved", () => {
  const dialog = document.querySelector("dialog[open]");
  if (dialog) dialog.close();
  else sheet.clear();
}, { group: GROUP });
onKeys("ctrl+z", "Undo", undo, { group: GROUP });
onKeys("ctrl+shift+z / ctrl+y", "Redo", redo, { group: GROUP });

// --- what this person is used to -------------------------------------------------------------

before.checked = localStorage.getItem("by-label-before") !== "off";
before.addEventListener("change", () => {
  localStorage.setItem("by-label-before", before.checked ? "on" : "off");
  drawBar();
});

wireFrame(sheet.root);
drawUndo();
sheet.draw();
askAgain();
sheet.root.setAttribute("aria-busy", "false");
