/** The review page: ticks, controls, keys. Every act is one request, saved before it is confirmed. */

import { compare } from "./compare.js";
import { ask } from "./dialog.js";
import { asksBeforeDiscard } from "./discard.js";
import { count } from "./dom.js";
import { get, post } from "./http.js";
import { describeKeys, onKeys } from "./keys.js";
import { chooseLabel } from "./label-picker.js";
import { menuIsOpen, openMenuAt } from "./menu.js";
import { drawLabelKeys } from "./review-keys.js";
import { watchControls } from "./review-controls.js";
import {
  addMissing, allRows, applyRows, currentRow, isRead, itemOf, known, makeCurrent, markStale, moveRow, nearRows, rowOf, seenTicks, tickAtOnce,
} from "./review-rows.js";
import { thresholdList } from "./review-thresholds.js";
import { toast, toastError } from "./toast.js";

const POLL_MS = 1500;
const page = document.querySelector("[data-review]");
const { url, base } = page.dataset;
const single = page.dataset.multi !== "true";
const read = (id) => JSON.parse(document.getElementById(id).textContent);
let labels = read("labels");
let summary = read("summary");
const drawThresholds = thresholdList();

/* Requests: one after the other. Rows are drawn by the last answer, since it knows all before it. */
let chain = Promise.resolve();
let waiting = 0;

function send(path, data = {}, { rows = null } = {}) {
  waiting += 1;
  const sent = chain.then(() => post(`${url}${path}`, { ...data, known: rows ?? known() }));
  chain = sent.then((answer) => settle(answer, rows), (problem) => { fail(problem); });
  return sent;
}

function settle(answer, rows) {
  waiting -= 1;
  ({ labels, summary } = answer);
  if (rows || waiting === 0) {
    applyRows(answer);
    markStale(answer.stale, (row) => unread.observe(row));
  }
  if (waiting === 0) {
    drawSummary();
    showControls(answer.controls);
    drawLabelKeys(labels);
    drawThresholds(answer.controls.chosen, labels);
  }
  if (shows("all")) addMissing(answer.ids, (row) => unread.observe(row));
}

function fail(problem) {
  waiting -= 1;
  if (problem.status === 409 && problem.code.startsWith("batch_")) {
    toast(problem.message, { kind: "error", action: { label: "Reload", run: () => location.reload() } });
  } else {
    toastError(problem);
    if (problem.status) setTimeout(() => send("rows").catch(() => {}));
  }
}

/** Send an act and say what it came to. */
async function act(path, data, { say = false } = {}) {
  try {
    const answer = await send(path, data);
    if (say && answer.said) toast(answer.said, { action: { label: "Undo", run: () => act("undo", {}) } });
    return answer;
  } catch {
    return null;  // `fail` has said it
  }
}

/** Undo or redo, and say what was undone. */
async function back(path) {
  const answer = await act(path, {});
  if (answer) toast(answer.said || `Nothing to ${path}`);
}

/* What surrounds the rows */
const shows = (value) => document.querySelector('[data-arrange="show"]').value === value;
const sums = document.querySelector("[data-sums]");
const undoButton = document.querySelector("[data-undo]");
const redoButton = document.querySelector("[data-redo]");
const commitButton = document.querySelector("[data-commit]");
const discardForm = document.querySelector(".review-foot [data-discard]");

function drawSummary() {
  const strong = document.createElement("strong");
  strong.textContent = `${summary.ticked} of ${count(summary.rows, "row")} ticked`;
  const more = [
    expectedWrong(summary.expected_wrong),
    summary.edited && `${summary.edited} edited`,
    summary.waiting && `${summary.waiting} not ready`,
    summary.failed && `${summary.failed} not readable`,
  ].filter(Boolean);
  sums.replaceChildren(strong, more.length ? ` · ${more.join(" · ")}` : "");
  for (const [button, name, what] of [[undoButton, "Undo", summary.undo], [redoButton, "Redo", summary.redo]]) {
    button.disabled = !what;
    button.title = what ? `${name}: ${what}` : `Nothing to ${name.toLowerCase()}`;
  }
  commitButton.disabled = summary.rows === 0;
  discardForm.dataset.rows = summary.rows;
  discardForm.dataset.kind = page.dataset.kind;
  document.querySelector("[data-accept-menu]").disabled = summary.groups.length === 0;
  drawProgress();
}

/** What the calibrated probabilities of the rows ticked by suggestion alone add up to. */
function expectedWrong(number) {
  if (number === null) return "";
  return number < 0.5 ? "fewer than 1 wrong expected" : `about ${Math.round(number)} wrong expected`;
}

function drawProgress() {
  const banner = document.querySelector("[data-progress]");
  banner.hidden = summary.waiting === 0;
  if (banner.hidden) return;
  const ready = summary.rows - summary.waiting;
  banner.classList.toggle("error", summary.problem !== "");
  banner.querySelector("[data-progress-text]").textContent = summary.problem ||
    `${ready} of ${count(summary.rows, "image")} ready. The others fill in by themselves; you can begin meanwhile.`;
  const bar = banner.querySelector("[data-progress-bar]");
  bar.max = summary.rows;
  bar.value = ready;
}

/* Rows that come into view, and rows that get ready */
const wanted = new Set();
const AHEAD_PX = 1200;
const unread = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    unread.unobserve(target);
    wanted.add(target.dataset.item);
  }
  if (wanted.size) setTimeout(readWanted, 30);
}, { rootMargin: `${AHEAD_PX}px 0px` });

function readWanted() {
  if (!wanted.size) return;
  const rows = Object.fromEntries([...wanted].map((id) => [id, ""]));
  wanted.clear();
  send("rows", {}, { rows }).catch(() => {});
}

function watchUnread() {
  for (const row of allRows()) if (!isRead(row)) unread.observe(row);
}

async function poll() {
  const isDue = (summary.waiting > 0 || summary.uploading) && !document.hidden && waiting === 0;
  if (isDue) await send("rows").catch(() => {});
  setTimeout(poll, POLL_MS);
}

/* Acts on a row */
function toggle(row, button) {
  const ticked = tickAtOnce(row, button, { single });
  return act("tick", { item: itemOf(row), label: Number(button.dataset.label), ticked });
}

function toggleLabel(row, label) {
  const button = row.querySelector(`.tick[data-label="${label}"]`);
  return button ? toggle(row, button) : act("tick", { item: itemOf(row), label, ticked: true });
}

async function pickOther(row) {
  const anchor = row.querySelector('[data-act="other"]') ?? row;
  const choice = await chooseLabel(anchor, labels);
  return choice && act("tick", { item: itemOf(row), ticked: true, ...choice });
}

/** Where nothing is suggested, one label is all there is to decide about a row: on to the next. */
function goOn(row) {
  if (single && !row.dataset.top && row === currentRow()) moveRow(1);
}

async function pickAndGoOn(row) {
  if (await pickOther(row)) goOn(row);
}

function labelByKey(row, label) {
  const isTicked = row.querySelector(`.tick[data-label="${label}"][aria-checked="true"]`);
  toggleLabel(row, label);
  if (!isTicked) goOn(row);
}

async function acceptTop(row) {
  const label = Number(row.dataset.top);
  if (label) await accept(label);
}

async function accept(label) {
  const answer = await act("accept", { label }, { say: true });
  if (answer && !answer.said) toast("There is no row left to accept: the others are edited.");
}

async function correct(image, choice, wrong) {
  const answer = await act("correct", { image, instead_of: wrong, ...choice });
  if (!answer) return;
  const back = { label: "Undo", run: () => act("undo", { correction: true }) };
  toast(answer.said || "That image has this label already.", answer.said ? { action: back } : {});
}

const hitsOf = (row) => [...(rowOf(itemOf(row))?.querySelectorAll(".hit") ?? [])];

function openLarge(row, hit = null) {
  const query = row.querySelector('[data-act="open-query"]').dataset;
  const hits = hit ? hitsOf(row) : [];
  compare({
    base, query, hits, at: hits.indexOf(hit), labels: () => labels, correct: async (...what) => { await correct(...what); await chain; },
    again: () => hitsOf(row),
  });
}

async function showAllNeighbours(row) {
  try {
    const html = await get(`${url}rows/${itemOf(row)}`);
    const template = document.createElement("template");
    template.innerHTML = html;  // drawn and escaped by our own server
    const strip = row.querySelector('[data-part="strip"]');
    const shown = strip.querySelectorAll(".hit:not([data-like])").length;
    const whole = template.content.querySelector(".strip");
    strip.replaceWith(whole);
    whole.querySelectorAll(".hit")[shown]?.focus({ preventScroll: true });
  } catch (problem) {
    toastError(problem);
  }
}

async function retry(row) {
  try {
    const form = new FormData();
    form.set("image", row.querySelector('[data-act="open-query"]').dataset.image);
    await post(`${base}failures/retry`, form);
    await send("rows");
  } catch (problem) {
    toastError(problem);
  }
}

const ROW_ACTS = {
  tick: toggle,
  other: pickOther,
  reset: (row) => act("reset", { item: itemOf(row) }),
  remove: (row) => act("remove", { item: itemOf(row) }, { say: true }),
  retry,
  neighbour: openLarge,
  "open-query": (row) => openLarge(row),
  "all-neighbours": showAllNeighbours,
};

page.addEventListener("click", (event) => {
  const row = event.target.closest(".row");
  if (!row) return;
  const button = event.target.closest("[data-act]");
  makeCurrent(row, { focus: !button });
  if (button) ROW_ACTS[button.dataset.act](row, button);
});
page.addEventListener("focusin", (event) => makeCurrent(event.target.closest(".row"), { focus: false }));

/* The bar */
const showControls = watchControls(document.querySelector("[data-controls]"), (controls) => send("controls", { ...controls, near: nearRows(AHEAD_PX) }));
// What another tab did meanwhile is shown before somebody works on what is old.
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && waiting === 0) send("rows").catch(() => {});
});
undoButton.addEventListener("click", () => back("undo"));
redoButton.addEventListener("click", () => back("redo"));
asksBeforeDiscard(discardForm);

document.querySelector("[data-accept-menu]").addEventListener("click", (event) => {
  openMenuAt(event.currentTarget, [
    { heading: "Accept all rows suggested as" },
    ...summary.groups.map((group) => ({
      label: `Accept all ${group.name} (${group.rows})`, color: group.color, run: () => accept(group.label),
    })),
  ]);
});
document.querySelector("[data-more-menu]").addEventListener("click", (event) => {
  const row = currentRow();
  openMenuAt(event.currentTarget, [
    { label: `Reset all rows (${summary.edited} edited)`, icon: "retry", disabled: !summary.edited, run: () => act("reset", { all: true }, { say: true }) },
    { label: "Remove the current row", icon: "trash", disabled: !row, run: () => ROW_ACTS.remove(row) },
  ]);
});

for (const select of document.querySelectorAll("[data-arrange]")) select.addEventListener("change", arrange);

function arrange() {
  const query = new URLSearchParams(location.search);
  for (const select of document.querySelectorAll("[data-arrange]")) {
    if (select.selectedIndex === 0) query.delete(select.dataset.arrange);
    else query.set(select.dataset.arrange, select.value);
  }
  chain.then(() => location.replace(`${url}${query.size ? `?${query}` : ""}`));
}

/* Add to dataset */
commitButton.addEventListener("click", commit);

async function commit() {
  await chain;
  if (commitButton.disabled) return;
  const later = summary.waiting;
  if (later && !await ask({
    title: `${count(later, "image is", "images are")} not ready yet`,
    text: "They stay under review in a batch of their own, unless you labeled them by hand. The others are added now.",
    confirm: "Add the others",
  })) return;
  if (!later && !summary.ticked && !await ask({ title: "No row is ticked", text: "The batch is closed and none of its images gets a label.", confirm: "Add without labels" })) return;
  commitButton.disabled = true;
  try {
    const { url: result } = await post(`${url}commit`, { ticks: seenTicks() });
    location.assign(result);
  } catch (problem) {
    commitButton.disabled = false;
    waiting += 1;
    fail(problem);
  }
}

/* Keys */
const GROUP = "Review";
const ready = () => !menuIsOpen();
const onRow = (run) => (event) => {
  if (!ready()) return;
  const row = currentRow();
  if (row && isRead(row)) run(row, event);
  else moveRow(0);
};

onKeys("arrowdown / j", "Next row", () => ready() && moveRow(1), { group: GROUP });
onKeys("arrowup / k", "Previous row", () => ready() && moveRow(-1), { group: GROUP });
onKeys("space / enter", "Set or remove the tick of the top suggestion", (event) => {
  const control = event.target.closest?.("button, a, summary, input");
  if (control) return control.click();
  return onRow((row) => {
    const top = row.querySelector(".tick");
    if (top) toggle(row, top);
  })(event);
}, { group: GROUP });
describeKeys("1–9", "Set or remove the tick of the label with this key; without suggestions, go on to the next row", GROUP);
for (const digit of "123456789") {
  onKeys(digit, "", onRow((row) => {
    const label = labels.find((each) => each.key === digit);
    if (label) labelByKey(row, label.id);
  }));
}
onKeys("l", "Find or add another label", onRow(pickAndGoOn), { group: GROUP });
onKeys("r", "Reset the row to its suggestion", onRow((row) => ROW_ACTS.reset(row)), { group: GROUP });
onKeys("a", "Accept all rows with this row's top suggestion", onRow(acceptTop), { group: GROUP });
onKeys("o", "Open the image large", onRow((row) => openLarge(row)), { group: GROUP });
onKeys("arrowleft / arrowright", "Go along the similar images; Enter opens one beside the query", onRow((row, event) => {
  const hits = [...row.querySelectorAll(".hit, .more")];
  const at = hits.indexOf(document.activeElement);
  const to = at < 0 ? (event.key === "ArrowRight" ? 0 : -1) : at + (event.key === "ArrowRight" ? 1 : -1);
  if (to < 0) row.focus({ preventScroll: true });
  else (hits[to] ?? hits.at(-1))?.focus();
}), { group: GROUP });
describeKeys("w", "In the large view: wrong label", GROUP);
onKeys("ctrl+z", "Undo", () => back("undo"), { group: GROUP });
onKeys("ctrl+shift+z / ctrl+y", "Redo", () => back("redo"), { group: GROUP });
onKeys("ctrl+enter", "Add to dataset", commit, { group: GROUP, inFields: true });

drawSummary();
drawLabelKeys(labels);
drawThresholds(read("controls").chosen, labels);
watchUnread();
makeCurrent(allRows()[0], { focus: false });
setTimeout(poll, POLL_MS);
