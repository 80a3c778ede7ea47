/** Image similarity on the project's page: its menu, the two acts of the right-click menu, open batches. */

import { element } from "./dom.js";
import { asksBeforeDiscard } from "./discard.js";
import { get, post } from "./http.js";
import { openMenuAt } from "./menu.js";
import { state } from "./page-state.js";
import { projectUrl } from "./project.js";
import { toastError } from "./toast.js";

const SIZES = [10, 100];
/** Labeled images from which on review by label is the way to go; before, too many suggestions are wrong. */
const ENOUGH = 5;
const button = document.querySelector("[data-similarity-menu]");

button?.addEventListener("click", () => {
  openMenuAt(button, [
    ...(state.counts.labeled >= ENOUGH ? [{ label: "Review by label", icon: "check", keys: "fastest", title: "The fastest way: look for the wrong ones among the surest, accept the rest at once", href: projectUrl("by-label") }] : []),
    { label: "Label by similarity", icon: "upload", title: "Upload images and review what is suggested for them", run: uploadForReview },
    { label: "Next batch of unlabeled…", icon: "next", title: "Review the next images without a label", run: askForNextBatch },
    { label: "Accept suggestions…", icon: "check", title: "Give sure suggestions without a look at each, within the error you allow", href: projectUrl("accept") },
    { label: "Near-duplicates", icon: "copy", title: "Groups of images that are all but the same picture", href: projectUrl("duplicates") },
    { label: "Find wrong labels", icon: "warning", title: "Labeled images whose neighbours disagree, the surest first", href: projectUrl("wrong-labels") },
  ]);
});

/** Images uploaded here are under review, and in the dataset only once they are added. */
async function uploadForReview() {
  const { openUpload } = await import("./upload.js");
  openUpload({ batch: true });
}

/** Ask how many, with the number that was asked for last. */
function askForNextBatch() {
  const form = document.querySelector("[data-next-batch]");
  const size = element("input", { type: "number", id: "next-size", min: SIZES[0], max: SIZES[1], value: form.elements.size.value, required: true });
  const order = form.elements.order.cloneNode(true);
  order.id = "next-order";
  order.value = form.elements.order.value;
  const cancel = element("button", { class: "button", type: "button" }, "Cancel");
  const question = element("form", {},
    element("div", { class: "dialog-head" }, element("h2", {}, "Next batch")),
    element("div", { class: "dialog-body" }, element("div", { class: "field" },
      element("label", { for: "next-size" }, "How many unlabeled images"), size,
      element("span", { class: "hint" }, `${SIZES[0]} to ${SIZES[1]}. After each batch the suggestions get better, so begin small.`)),
    element("div", { class: "field" }, element("label", { for: "next-order" }, "Which ones"), order,
      element("span", { class: "hint" }, "Typical: photos that stand for many others and differ from each other. Least certain: where the labeled photos disagree."))),
    element("div", { class: "dialog-foot" }, cancel, element("button", { class: "button primary" }, "Next batch")));
  const dialog = element("dialog", { "aria-label": "Next batch" }, question);
  cancel.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  question.addEventListener("submit", (event) => {
    event.preventDefault();
    form.elements.size.value = size.value;
    form.elements.order.value = order.value;
    form.submit();
  });
  document.body.append(dialog);
  dialog.showModal();
  size.select();
}

document.addEventListener("label-by-similarity", async ({ detail }) => {
  try {
    const { url } = await post(projectUrl("batches/selection"), detail.selection);
    location.assign(url);
  } catch (problem) {
    toastError(problem);
  }
});

document.addEventListener("find-similar", async ({ detail }) => {
  try {
    const { url } = await post(projectUrl("similar/selection"), detail.selection);
    location.assign(url);
  } catch (problem) {
    toastError(problem);
  }
});

/* What to label first is offered while nothing is labeled and there are more photos than that. */
document.addEventListener("state-changed", () => {
  const first = document.querySelector("[data-label-first]");
  if (!first) return;
  const { images, labeled, pending, failed } = state.counts;
  first.hidden = labeled > 0 || images - pending - failed <= Number(first.dataset.number);
});

/* Open batches: undo and redo open and close them. */
function wireDiscards() {
  for (const form of document.querySelectorAll("[data-open-batches] [data-discard]")) asksBeforeDiscard(form);
}

document.addEventListener("act-done", async ({ detail }) => {
  if (!/\b(undo|redo)$/.test(detail.path)) return;
  try {
    const template = document.createElement("template");
    template.innerHTML = await get(projectUrl("batches"));  // drawn and escaped by our own server
    document.querySelector("[data-open-batches]").replaceWith(template.content);
    wireDiscards();
  } catch (problem) {
    toastError(problem);
  }
});

wireDiscards();
