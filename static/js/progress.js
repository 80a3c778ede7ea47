/** The strip that says how far the worker is with the images, and what it could not read. */

import { count, element } from "./dom.js";
import { show } from "./dialog.js";
import { get, post } from "./http.js";
import { duration, Pace } from "./pace.js";
import { imagesChanged, projectUrl } from "./project.js";
import { Reembedding } from "./reembedding.js";
import { toast, toastError } from "./toast.js";

const BUSY_MS = 1000;
const IDLE_MS = 20_000;
const WINDOW_MS = 10_000;
const REEMBEDDING_MS = 2000;
const STUCK_MS = 15_000;

const strip = document.querySelector("#progress-strip");
const bar = strip.querySelector("progress");
const text = strip.querySelector("[data-text]");
const problem = strip.querySelector("[data-problem]");
const failures = strip.querySelector("[data-failures]");

const pace = new Pace(WINDOW_MS);
const reembeddingStrip = document.querySelector("#reembedding-strip");
const reembedding = reembeddingStrip && new Reembedding(reembeddingStrip);

let timer;
let last = null;
let movedAt = performance.now();
/** Embedded images when this wave began, so that "340 of 1,020" counts the wave and not the project. */
let base = null;

async function look() {
  clearTimeout(timer);
  let wait = IDLE_MS;
  try {
    const now = await get(projectUrl("progress"));
    draw(now);
    drawReembedding(now);
    if (now.reembedding) wait = REEMBEDDING_MS;
    if (now.pending || now.unpacking) wait = BUSY_MS;
  } catch {
    wait = BUSY_MS * 5; // the strip is no place for errors: whatever the person does next says it
  }
  timer = setTimeout(look, document.hidden ? Math.max(wait, BUSY_MS * 5) : wait);
}

function draw(now) {
  const done = now.embedded + now.failed;
  const moved = last === null || last.pending !== now.pending || done !== last.embedded + last.failed;
  if (moved || now.is_held) movedAt = performance.now();
  if (now.pending === 0) {
    base = null;
    pace.reset();
  } else {
    base ??= done;
    pace.note(done);
  }
  const total = now.pending + done - (base ?? done);
  bar.hidden = text.hidden = now.pending === 0;
  bar.max = Math.max(total, 1);
  bar.value = total - now.pending;
  text.textContent = now.pending ? reading(now, total) : "";
  problem.textContent = trouble(now);
  problem.hidden = !problem.textContent;
  failures.hidden = now.failed === 0;
  failures.textContent = `${now.failed.toLocaleString("en")} could not be read — show`;
  strip.hidden = now.pending === 0 && now.failed === 0;
  strip.classList.toggle("troubled", !problem.hidden);
  if (last && moved) imagesChanged();
  last = now;
}

function drawReembedding(now) {
  if (!reembedding) return;
  reembeddingStrip.hidden = !now.reembedding;
  // The project switched (or it was cancelled): what is similar to what may be otherwise now.
  if (reembedding.draw(now)) imagesChanged({ quiet: true });
}

function reading(now, total) {
  const parts = [`Reading images: ${(total - now.pending).toLocaleString("en")} of ${total.toLocaleString("en")}`];
  const { rate } = pace;
  if (rate > 0) parts.push(`${rate < 10 ? rate.toFixed(1) : Math.round(rate)}/s`, `${duration(now.pending / rate)} left`);
  return parts.join(" · ");
}

function trouble(now) {
  if (now.problem) return now.problem;
  if (now.pending && performance.now() - movedAt > STUCK_MS) {
    return "The worker is not running: images wait until it is. Start the application again, or look at its log.";
  }
  return "";
}

// --- failures --------------------------------------------------------------------------------

function openFailures() {
  const list = element("ul", { class: "failures" });
  const all = element("div", { class: "button-row end" });
  const body = element("div", {}, list, all);
  const dialog = show("Images that could not be read", body, { wide: true });
  if (strip.dataset.canLabel === "yes") {
    all.append(
      wired(element("button", { class: "button", type: "button" }, "Remove all"), () => act("remove", null)),
      wired(element("button", { class: "button primary", type: "button" }, "Retry all"), () => act("retry", null)),
    );
  }

  async function load(after = 0, instead = null) {
    const rows = document.createElement("template");
    rows.innerHTML = await get(projectUrl(`failures?after=${after}`));
    if (instead) instead.replaceWith(rows.content);
    else list.replaceChildren(rows.content);
    if (!list.children.length) dialog.close();
  }

  async function act(what, image) {
    const data = new FormData();
    if (image) data.append("image", image);
    const answer = await post(projectUrl(`failures/${what}`), data);
    if (what === "retry") toast(`Reading ${count(answer.retried, "image")} again.`);
    else toast(`Removed ${count(answer.removed, "image")}.`);
    movedAt = performance.now();
    await Promise.all([load(), look()]);
    imagesChanged();
  }

  list.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const { retry, remove, after } = button.dataset;
    const work = after ? load(after, button.parentElement) : act(retry ? "retry" : "remove", retry ?? remove);
    work.catch(toastError);
  });
  load().catch(toastError);
}

function wired(button, run) {
  button.addEventListener("click", () => run().catch(toastError));
  return button;
}

failures.addEventListener("click", openFailures);
document.addEventListener("images-changed", ({ detail }) => {
  // Ours says that embeddings moved; others say that images came, so look soon.
  if (last && last.pending === 0 && !detail?.quiet) {
    clearTimeout(timer);
    timer = setTimeout(look, 300);
  }
});
document.addEventListener("upload-started", () => { timer = setTimeout(look, BUSY_MS); });
document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
look();
