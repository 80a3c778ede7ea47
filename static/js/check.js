/** Looking at accepted suggestions: mark the wrong ones, say what is right, save all as one act. */

import { compare } from "./compare.js";
import { count } from "./dom.js";
import { post } from "./http.js";
import { describeKeys, onKeys } from "./keys.js";
import { chooseLabel } from "./label-picker.js";
import { toast, toastError } from "./toast.js";
import { reloadSaying, wireUndo } from "./undo-reload.js";

const GROUP = "Check";
const page = document.querySelector(".check");
const list = document.querySelector("[data-tiles]");
const save = document.querySelector("[data-save]");
const labels = JSON.parse(document.getElementById("labels").textContent);
const tiles = list ? [...list.children] : [];
/** What is wrong: tile to `{label}`, `{name}` of a new one, or null where nobody knows. */
const wrong = new Map();
let current = null;

// --- marking ---------------------------------------------------------------------------------

function draw(tile) {
  const isWrong = wrong.has(tile);
  const right = wrong.get(tile);
  tile.classList.toggle("wrong", isWrong);
  tile.querySelector("[data-mark]").setAttribute("aria-pressed", String(isWrong));
  tile.querySelector(".instead").hidden = !isWrong;
  tile.querySelector("[data-right]").textContent = right ? `Right: ${nameOf(right)}` : "Right label…";
  drawSums();
}

const nameOf = (right) => right.name ?? labels.find((label) => label.id === right.label)?.name ?? "";

function drawSums() {
  const rest = tiles.length - wrong.size;
  const named = [...wrong.values()].filter(Boolean).length;
  const sums = document.querySelector("[data-sums]");
  sums.textContent = wrong.size
    ? `${wrong.size} of ${tiles.length} wrong${named < wrong.size ? `, ${count(wrong.size - named, "image loses its", "images lose their")} label` : ""}`
    : "None is marked wrong";
  document.querySelector("[data-save-text]").textContent =
    !wrong.size ? (rest === 1 ? "It is right" : `All ${rest} are right`)
      : rest === 0 ? "Save" : rest === 1 ? "The other one is right" : `The other ${rest} are right`;
}

function toggle(tile) {
  if (wrong.has(tile)) wrong.delete(tile);
  else wrong.set(tile, null);
  draw(tile);
}

/** Give a tile its right label; the one that was accepted says that it is right after all. */
function give(tile, right) {
  if (String(right.label) === tile.dataset.label) wrong.delete(tile);
  else wrong.set(tile, right);
  draw(tile);
}

async function choose(tile) {
  const right = await chooseLabel(tile.querySelector("[data-mark]"), labels, { title: "What is the right label?" });
  if (right) give(tile, right);
}

function look(tile) {
  const evidence = tile.querySelector("button[data-evidence]");
  const { image, name } = tile.dataset;
  compare({
    base: page.dataset.base, query: { image, name }, hits: evidence ? [evidence] : [], labels: () => labels,
    title: "Beside the nearest of its label", queryText: "Accepted", correct: null, again: () => [],
  });
}

list?.addEventListener("click", (event) => {
  const tile = event.target.closest(".look");
  const button = event.target.closest("button");
  if (!tile || !button) return;
  makeCurrent(tile);
  if ("mark" in button.dataset) toggle(tile);
  else if ("choose" in button.dataset) choose(tile);
  else look(tile);
});
list?.addEventListener("focusin", (event) => makeCurrent(event.target.closest(".look")));

// --- saving ----------------------------------------------------------------------------------

async function send() {
  if (save.disabled) return;
  save.disabled = true;
  const item = (tile) => Number(tile.dataset.item);
  const pairs = [...wrong].map(([tile, right]) => [item(tile), right?.label ?? (right?.name ? { name: right.name } : null)]);
  try {
    const { message } = await post(`${page.dataset.url}/save`, { shown: tiles.map(item), wrong: Object.fromEntries(pairs) });
    reloadSaying(message);
  } catch (problem) {
    save.disabled = false;
    toastError(problem);
  }
}

save?.addEventListener("click", send);

// --- keys ------------------------------------------------------------------------------------

function makeCurrent(tile) {
  current?.classList.remove("current");
  current = tile;
  tile?.classList.add("current");
}

function step(by) {
  const at = tiles.indexOf(current);
  const next = tiles[at < 0 ? 0 : Math.max(0, Math.min(tiles.length - 1, at + by))];
  next.querySelector("[data-mark]").focus();
  next.scrollIntoView({ block: "nearest" });
}

const columns = () => tiles.filter((tile) => tile.offsetTop === tiles[0].offsetTop).length;
const onTile = (run) => () => (current ? run(current) : toast("Choose an image first: click it, or press →."));

if (tiles.length) {
  onKeys("arrowright", "Next image", () => step(1), { group: GROUP });
  onKeys("arrowleft", "Previous image", () => step(-1), { group: GROUP });
  onKeys("arrowdown", "Image below", () => step(columns()), { group: GROUP });
  onKeys("arrowup", "Image above", () => step(-columns()), { group: GROUP });
  describeKeys("space", "Mark as wrong, or right again", GROUP);
  describeKeys("1–9", "It is wrong, and the label of that key is right", GROUP);
  for (const digit of "123456789") {
    onKeys(digit, "", onTile((tile) => {
      const label = labels.find((each) => each.key === digit);
      if (label) give(tile, { label: label.id });
      else toast(`No label has the key ${digit}. Set one in the label's menu on the project's page.`);
    }));
  }
  onKeys("l", "Choose the right label", onTile(choose), { group: GROUP });
  onKeys("o", "Open large beside the nearest of its label", onTile(look), { group: GROUP });
  onKeys("ctrl+enter", "Save", send, { group: GROUP });
  // What somebody labeled otherwise since it was accepted was wrong, most likely.
  for (const tile of tiles) {
    if (!("changed" in tile.dataset)) continue;
    wrong.set(tile, tile.dataset.changed ? { label: Number(tile.dataset.changed) } : null);
    draw(tile);
  }
  drawSums();
}
wireUndo(page);
