/** Uploading: the red button, drops anywhere on the page, and the uploads that are on their way. */

import { element, icon } from "./dom.js";
import { openMenuAt } from "./menu.js";
import { imagesChanged, labelsChanged } from "./project.js";
import { toast, toastError } from "./toast.js";
import { Choice, fromDrop, fromInput } from "./upload-collect.js";
import { addToDialog, askUpload } from "./upload-dialog.js";
import { Panel } from "./upload-panel.js";
import { Sending } from "./upload-send.js";

const TELL_MS = 1500;
const running = new Set();
let mode = {};

const input = (kind) => document.querySelector(`[data-upload-input="${kind}"]`);
const pick = (kind) => input(kind).click();

/**
 * Ask for files and upload them.
 *
 * @param {{batch?: boolean, onStarted?: (url: string) => void}} [options] with `batch` the images are
 *   queries of a new review, where the page goes when they are sent; `onStarted` gets its address
 */
export async function openUpload({ batch = false, onStarted } = {}) {
  await choose(new Choice(), { review: batch, onStarted });
}

async function choose(choice, options) {
  mode = options;
  try {
    const answer = await askUpload(choice, { ...options, pick });
    if (answer) begin(answer, options);
  } catch (problem) {
    toastError(problem);
  }
}

function begin({ choice, labels, labelByFolder }, { review = false, onStarted }) {
  const sending = new Sending(choice, { labels, labelByFolder, review });
  const panel = new Panel(sending);
  running.add(sending);
  document.body.dispatchEvent(new CustomEvent("upload-started", { bubbles: true }));
  sending.addEventListener("review", () => onStarted?.(sending.reviewUrl));
  tellAbout(sending, { labels: Boolean(labels || labelByFolder) });
  sending.run().finally(() => {
    running.delete(sending);
    // Where everything was refused there is nothing to review: the reasons stand in the panel.
    const anything = sending.counts.added + sending.counts.duplicate > 0;
    if (sending.state === "done" && sending.reviewUrl && anything && !running.size) location.assign(sending.reviewUrl);
    else panel.draw();
  });
}

/** Tell the rest of the page now and then that images arrived. */
function tellAbout(sending, { labels }) {
  let told = 0;
  let timer;
  const tell = () => {
    timer = undefined;
    told = sending.counts.added;
    imagesChanged();
    if (labels) labelsChanged();
  };
  sending.addEventListener("change", () => {
    if (sending.counts.added > told) timer ??= setTimeout(tell, TELL_MS);
  });
}

// --- button and file dialogs -----------------------------------------------------------------

document.querySelector("#upload")?.addEventListener("click", () => {
  mode = {};
  pick("files");
});
document.querySelector("#upload-menu")?.addEventListener("click", ({ currentTarget }) => {
  mode = {};
  openMenuAt(currentTarget, [
    { label: "Upload files…", icon: "image", run: () => pick("files") },
    { label: "Upload folder…", icon: "folder", run: () => pick("folder") },
    { label: "Upload zip…", icon: "zip", run: () => pick("zip") },
  ]);
});
for (const field of document.querySelectorAll("[data-upload-input]")) {
  field.addEventListener("change", () => {
    const choice = fromInput(field);
    field.value = ""; // so that the same files can be chosen again
    offer(choice);
  });
}

function offer(choice) {
  if (choice.isEmpty) toast("There is nothing to upload in there.", { kind: "error" });
  else if (!addToDialog(choice)) choose(choice, mode);
}

// --- drag and drop ---------------------------------------------------------------------------

const overlay = element("div", { class: "drop-overlay", hidden: true },
  element("div", {}, icon("upload"), element("p", {}, "Drop photos, folders or zip files to upload them")));
const text = overlay.querySelector("p");
const INVITATION = text.textContent;
let depth = 0;

const bringsFiles = (event) => document.querySelector("#upload") && event.dataTransfer?.types.includes("Files");

function leave() {
  depth = 0;
  overlay.hidden = true;
}

addEventListener("dragenter", (event) => {
  if (!bringsFiles(event)) return;
  event.preventDefault();
  depth += 1;
  // Above an open dialog too, which lies in the browser's top layer.
  (document.querySelector("dialog[open]") ?? document.body).append(overlay);
  text.textContent = INVITATION;
  overlay.hidden = false;
});
addEventListener("dragover", (event) => {
  if (bringsFiles(event)) event.preventDefault();
});
addEventListener("dragleave", (event) => {
  if (!bringsFiles(event)) return;
  depth -= 1;
  if (depth <= 0) leave();
});
addEventListener("drop", async (event) => {
  if (!bringsFiles(event)) return;
  event.preventDefault();
  depth = 0;
  overlay.hidden = false;
  const found = (number) => { text.textContent = `Looking through the folders: ${number.toLocaleString("en")} files`; };
  try {
    if (!document.querySelector(".upload-dialog[open]")) mode = {};
    offer(await fromDrop(event.dataTransfer, found));
  } finally {
    leave();
  }
});

addEventListener("beforeunload", (event) => {
  if ([...running].some((sending) => sending.isRunning && sending.state !== "unpacking")) event.preventDefault();
});

document.body.append(overlay);
