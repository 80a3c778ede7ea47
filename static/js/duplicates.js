/** Near-duplicates: a card a group; label it, thin it out, or look at it, by click or key. */

import { compare } from "./compare.js";
import { count } from "./dom.js";
import { get, post } from "./http.js";
import { describeKeys, onKeys } from "./keys.js";
import { chooseLabel } from "./label-picker.js";
import { openMenuAt } from "./menu.js";
import { toast, toastError } from "./toast.js";
import { drawUndoButtons, watchUndoButtons } from "./undo-buttons.js";

const GROUP = "Near-duplicates";
const ASK_AGAIN_MS = 2000;
const page = document.querySelector(".duplicates");
const list = document.querySelector("[data-groups]");
const { base } = page.dataset;
const percent = Number(page.dataset.percent);
const canLabel = page.dataset.canLabel === "yes";
let labels = JSON.parse(document.getElementById("labels").textContent);
let undoable = { undo: page.dataset.undo, redo: page.dataset.redo };
let queue = Promise.resolve();
let lastToast = null;
let current = null;

// --- how alike -------------------------------------------------------------------------------

const form = document.querySelector("[data-alike]");
form.elements.alike.addEventListener("input", ({ target }) => { form.querySelector("output").textContent = `${target.value} %`; });
form.elements.alike.addEventListener("change", () => form.submit());
if ("comparing" in page.dataset) setTimeout(() => location.reload(), ASK_AGAIN_MS);

// --- what the page shows ---------------------------------------------------------------------

/** Cards of groups that are gone stay as hidden places: undo brings them back where they were. */
const cards = () => (list ? [...list.querySelectorAll(".group:not([hidden])")] : []);
const cardOf = (key) => list.querySelector(`[data-group="${key}"]`);
const copiesOf = (card) => [...card.querySelectorAll("[data-image]")];
const idsOf = (card) => copiesOf(card).map((copy) => Number(copy.dataset.image));

function cardFrom(html) {
  const made = document.createElement("template");
  made.innerHTML = html;  // drawn and escaped by our own server
  return made.content.firstElementChild;
}

/** Ask which of the shown groups look different by now, and draw those in their places. */
async function refresh() {
  if (!list) { location.reload(); return; }
  const known = Object.fromEntries([...list.querySelectorAll(".group")].map((card) => [card.dataset.group, card.hidden ? "" : card.dataset.version]));
  const answer = await post(`${base}duplicates/cards`, { alike: percent, known });
  for (const { key, html } of answer.cards) redraw(cardOf(key), cardFrom(html));
  for (const key of answer.gone) hide(cardOf(key));
  ({ labels } = answer);
  undoable = { undo: answer.undo, redo: answer.redo };
  drawSums(answer.sums);
  drawUndoButtons(undoable);
}

function redraw(old, card) {
  const focused = old.contains(document.activeElement);
  old.replaceWith(card);
  if (current === old) makeCurrent(card, { focus: focused });
}

function hide(card) {
  if (card.hidden) return;
  const all = cards();
  const at = all.indexOf(card);
  card.hidden = true;
  if (current === card) makeCurrent(all[at + 1] ?? all[at - 1] ?? null, { focus: card.contains(document.activeElement) });
}

function drawSums(sums) {
  const line = document.querySelector("[data-sums]");
  line.textContent = sums.groups ? `${count(sums.groups, "group")}, ${count(sums.images, "image")}` : "No near-duplicates are left";
  const all = document.querySelector("[data-like-all]");
  if (!all) return;
  all.hidden = sums.partly === 0;
  all.querySelector("[data-like-all-text]").textContent =
    `Label all ${count(sums.partly, "group")} like their labeled images (${count(sums.to_label, "image")})`;
}

// --- acts ------------------------------------------------------------------------------------

/** Acts wait for each other: undo pressed right after a key must find that key's act done. */
function act(path, body = {}) {
  queue = queue.then(() => send(path, body)).catch(toastError);
  return queue;
}

async function send(path, body) {
  const answer = await post(`${base}${path}`, body);
  lastToast?.remove();
  const takesBack = answer.act && !/\b(un|re)do$/.test(path);
  lastToast = toast(answer.message, { action: takesBack ? { label: "Undo", run: undo } : undefined });
  await refresh();
}

const undo = () => act("undo");
const redo = () => act("redo");
const give = (card, choice) => act("images/label", { images: idsOf(card), mode: "add", ...choice });
const like = (card, image) => act("duplicates/like", { images: idsOf(card), like: Number(image) });
const keepOnly = (card, image) => act("images/trash", { images: idsOf(card).filter((id) => id !== Number(image)) });
const thin = (card) => keepOnly(card, card.querySelector(".copy.best").dataset.image);

async function choose(card) {
  const choice = await chooseLabel(card.querySelector("[data-label-group]"), labels, { title: "Label the whole group" });
  if (choice) give(card, choice);
}

function likeLabeled(card) {
  const button = card.querySelector("[data-like]");
  if (button) like(card, button.dataset.like);
  else toast(card.dataset.standing === "disagreeing" ? "Their labels differ: choose “Label all like this one” in the menu of the right one." : "There is nothing to label like another one in this group.");
}

function look(card, copy) {
  const [first, ...others] = copiesOf(card);
  const { image, name } = first.dataset;
  compare({
    base, query: { image, name }, hits: others, at: Math.max(0, others.indexOf(copy)), labels: () => labels,
    title: "Near-duplicates", queryText: "First of the group", correct: null, again: () => others,
  });
}

function openCopyMenu(button, card, copy) {
  const { image, labels: carried } = copy.dataset;
  openMenuAt(button, [
    { label: "Label all like this one", icon: "check", disabled: !carried, title: carried ? undefined : "It carries no label", run: () => like(card, image) },
    { label: `Keep only this one, delete ${count(idsOf(card).length - 1, "other")}`, icon: "trash", run: () => keepOnly(card, image) },
    { label: "Open large", icon: "search", run: () => look(card, copy) },
  ]);
}

list?.addEventListener("click", (event) => {
  const card = event.target.closest(".group");
  if (!card) return;
  makeCurrent(card);
  const button = event.target.closest("button");
  const copy = event.target.closest(".copy");
  if (!button) return;
  if ("open" in button.dataset) look(card, copy);
  else if ("copyMenu" in button.dataset) openCopyMenu(button, card, copy);
  else if ("labelGroup" in button.dataset) choose(card);
  else if ("thin" in button.dataset) thin(card);
  else if ("like" in button.dataset) like(card, button.dataset.like);
});
document.querySelector("[data-like-all]")?.addEventListener("click", () => act("duplicates/like-all", { alike: percent }));

// --- undo ------------------------------------------------------------------------------------

watchUndoButtons({ undo, redo });
drawUndoButtons(undoable);

// --- more groups -----------------------------------------------------------------------------

const more = document.querySelector("[data-more]");
more?.addEventListener("click", async () => {
  more.disabled = true;
  try {
    const answer = await get(`${base}duplicates/more?alike=${percent}&after=${more.dataset.next}`);
    // A group labeled since it was shown stands farther behind now, too.
    for (const { key, html } of answer.cards) if (!cardOf(key)) list.append(cardFrom(html));
    more.dataset.next = answer.next;
    more.hidden = !answer.next || list.childElementCount >= Number(page.dataset.mostCards);
  } catch (problem) {
    toastError(problem);
  }
  more.disabled = false;
});

// --- keys ------------------------------------------------------------------------------------

function makeCurrent(card, { focus = false } = {}) {
  current?.classList.remove("current");
  current = card;
  if (!card) return;
  card.classList.add("current");
  if (focus) card.focus({ preventScroll: true });
}

function step(by) {
  const all = cards();
  const at = all.indexOf(current);
  const next = all[at < 0 ? 0 : Math.max(0, Math.min(all.length - 1, at + by))];
  if (!next) return;
  makeCurrent(next, { focus: true });
  next.scrollIntoView({ block: "nearest" });
  if (next === all.at(-1) && at >= 0 && more && !more.hidden) more.click();
}

/** Run on the current group; a focused card or a button inside one is the current one. */
const onGroup = (run) => (event) => {
  const focused = event.target.closest?.(".group");
  if (focused && focused !== current) makeCurrent(focused);
  if (current && !current.hidden) run(current);
  else toast("Choose a group first: click it, or press ↓.");
};

onKeys("arrowdown / j", "Next group", () => step(1), { group: GROUP });
onKeys("arrowup / k", "Previous group", () => step(-1), { group: GROUP });
onKeys("o", "Open large", onGroup((card) => look(card, copiesOf(card)[1])), { group: GROUP });
if (canLabel) {
  describeKeys("1–9", "Give the label of that key to the whole group", GROUP);
  for (const digit of "123456789") {
    onKeys(digit, "", onGroup((card) => {
      const label = labels.find((each) => each.key === digit);
      if (label) give(card, { label: label.id });
      else toast(`No label has the key ${digit}. Set one in the label's menu on the project's page.`);
    }));
  }
  onKeys("l", "Choose a label for the whole group", onGroup(choose), { group: GROUP });
  onKeys("a", "Label all of the group like the labeled ones", onGroup(likeLabeled), { group: GROUP });
  onKeys("delete", "Delete the extra copies of the group", onGroup(thin), { group: GROUP });
  onKeys("ctrl+z", "Undo", undo, { group: GROUP });
  onKeys("ctrl+shift+z / ctrl+y", "Redo", redo, { group: GROUP });
}
