/** The panel in the corner: how far an upload is, and what became of each file. */

import { count, element, icon } from "./dom.js";
import { get } from "./http.js";
import { duration } from "./pace.js";
import { projectUrl } from "./project.js";
import { toastError } from "./toast.js";
import { megabytes } from "./upload-collect.js";

const WINDOW_MS = 10_000; // the rate is that of the last ten seconds
const REDRAW_MS = 200;
const OUTCOMES = [["refused", "refused"], ["duplicate", "duplicates"], ["added", "added"]];

export class Panel {
  constructor(sending) {
    this.sending = sending;
    this.samples = [];
    this.shown = "";
    this.title = element("h2", {});
    this.bar = element("progress", { max: "1", value: 0, "aria-label": "Upload" });
    this.numbers = element("p", { class: "numbers number" });
    this.sentence = element("p", { class: "sentence", role: "alert" });
    this.said = element("p", { class: "visually-hidden", role: "status" });
    this.cancelButton = this.button("Cancel", () => sending.cancel());
    this.resumeButton = this.button("Resume", () => sending.resume(), "primary");
    this.reviewLink = element("a", { class: "button primary small", hidden: true }, "Go to the review");
    this.closeButton = element("button", { class: "button quiet small icon-only", type: "button", "aria-label": "Close", hidden: true }, icon("close"));
    this.closeButton.addEventListener("click", () => this.root.remove());
    this.fold = element("button", { class: "button quiet small icon-only", type: "button", "aria-expanded": "true", "aria-label": "Fold" }, icon("down"));
    this.fold.addEventListener("click", () => this.setFolded(this.fold.getAttribute("aria-expanded") === "true"));
    this.tabs = new Map(OUTCOMES.map(([outcome]) => {
      const tab = this.button("", () => this.show(outcome), "quiet");
      tab.setAttribute("aria-expanded", "false");
      return [outcome, tab];
    }));
    this.list = element("ul", { class: "results", tabindex: "0", hidden: true });
    this.list.addEventListener("click", (event) => this.more(event));
    this.inside = element("div", { class: "inside" }, this.bar, this.numbers, this.sentence,
      element("div", { class: "button-row outcomes" }, ...this.tabs.values()), this.list,
      element("div", { class: "button-row end" }, this.reviewLink, this.resumeButton, this.cancelButton));
    this.root = element("section", { class: "upload-panel", "aria-label": "Upload" },
      element("div", { class: "head" }, this.title, this.fold, this.closeButton), this.inside, this.said);
    corner().append(this.root);
    sending.addEventListener("change", () => this.soon());
    this.draw();
  }

  button(text, run, kind = "") {
    const made = element("button", { class: `button small ${kind}`, type: "button" }, text);
    made.addEventListener("click", run);
    return made;
  }

  setFolded(folded) {
    this.inside.hidden = folded;
    this.fold.setAttribute("aria-expanded", String(!folded));
    this.fold.setAttribute("aria-label", folded ? "Unfold" : "Fold");
    this.root.classList.toggle("folded", folded);
  }

  soon() {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.draw();
    }, REDRAW_MS);
  }

  draw() {
    const { sending } = this;
    const { state, counts } = sending;
    this.title.textContent = this.titleText();
    this.bar.value = this.fraction();
    this.bar.hidden = !sending.isRunning;
    this.numbers.textContent = this.numbersText();
    this.sentence.textContent = sending.sentence;
    this.sentence.hidden = !sending.sentence;
    for (const [outcome, word] of OUTCOMES) {
      const tab = this.tabs.get(outcome);
      tab.hidden = counts[outcome] === 0;
      tab.textContent = `${counts[outcome].toLocaleString("en")} ${word === "duplicates" && counts[outcome] === 1 ? "duplicate" : word}`;
      tab.classList.toggle("bad", outcome === "refused");
    }
    this.cancelButton.hidden = !sending.isRunning;
    this.closeButton.hidden = sending.isRunning;
    this.resumeButton.hidden = state !== "stalled";
    this.reviewLink.hidden = !sending.reviewUrl;
    if (sending.reviewUrl) this.reviewLink.href = sending.reviewUrl;
    if (!sending.isRunning && this.ended !== state) this.end(state);
  }

  titleText() {
    const { state, total, done } = this.sending;
    const files = count(total, "file");
    const titles = {
      sending: `Uploading ${files}`,
      unpacking: total > 0 ? `Unpacking ${files}` : "Unpacking the zip file",
      stalled: "The upload waits",
      done: `Uploaded ${count(done, "file")}`,
      failed: "The upload stopped",
      cancelled: `Cancelled after ${count(done, "file")}`,
    };
    return titles[state];
  }

  fraction() {
    const { state, total, done, bytes, bytesDone, choice } = this.sending;
    if (state === "unpacking" || choice.zips.length === 0) return total ? done / total : 0;
    return bytes ? bytesDone / bytes : 0;
  }

  numbersText() {
    const { state, total, done, bytes, bytesDone, choice } = this.sending;
    if (!this.sending.isRunning) return `${Math.max(1, Math.round((performance.now() - this.sending.startedAt) / 1000)).toLocaleString("en")} s`;
    const parts = [choice.files.length || state === "unpacking"
      ? `${done.toLocaleString("en")} of ${total.toLocaleString("en")}`
      : `${megabytes(bytesDone)} of ${megabytes(bytes)}`];
    const rate = this.rate(done, bytesDone);
    if (rate && state !== "stalled") {
      if (rate.files >= 1) parts.push(`${Math.round(rate.files).toLocaleString("en")} images/s`);
      if (rate.bytes >= 1) parts.push(`${megabytes(rate.bytes)}/s`);
      const left = state === "unpacking" ? (total - done) / rate.files : (bytes - bytesDone) / rate.bytes;
      if (Number.isFinite(left)) parts.push(`${duration(left)} left`);
    }
    return parts.join(" · ");
  }

  rate(done, bytes) {
    const now = performance.now();
    this.samples.push({ now, done, bytes });
    while (this.samples.length > 2 && this.samples[0].now < now - WINDOW_MS) this.samples.shift();
    const [first] = this.samples;
    const seconds = (now - first.now) / 1000;
    if (seconds < 0.5) return null;
    return { files: (done - first.done) / seconds, bytes: (bytes - first.bytes) / seconds };
  }

  end(state) {
    this.ended = state;
    const { added, duplicate, refused } = this.sending.counts;
    const parts = [`${added} added`, duplicate && count(duplicate, "duplicate"), refused && `${refused} refused`];
    this.said.textContent = `${this.titleText()}: ${parts.filter(Boolean).join(", ")}.`;
    // What needs a look is shown by itself.
    if (refused) this.show("refused", { keep: true });
    else if (this.shown) this.show(this.shown, { keep: true });
  }

  async show(outcome, { keep = false } = {}) {
    const closing = !keep && this.shown === outcome;
    this.shown = closing ? "" : outcome;
    for (const [name, tab] of this.tabs) tab.setAttribute("aria-expanded", String(name === this.shown));
    this.list.hidden = closing;
    if (closing) return;
    const gone = outcome === "refused" ? this.sending.unreadable.slice(0, 100).map((path) =>
      element("li", { class: "refused" }, element("span", { class: "path" }, path), " ",
        element("span", { class: "reason" }, "It could not be read: it was moved, changed or deleted."))) : [];
    this.list.replaceChildren(...gone);
    this.list.setAttribute("aria-label", this.tabs.get(outcome).textContent);
    for (const { id } of this.sending.uploads) await this.load(id, outcome, "");
  }

  async more(event) {
    const button = event.target.closest("[data-after]");
    if (!button) return;
    const row = button.parentElement;
    await this.load(row.dataset.upload, this.shown, `&after=${button.dataset.after}`, row);
  }

  /** Rows of the list come as HTML from the server, a hundred at a time. */
  async load(id, outcome, after, instead) {
    try {
      const rows = document.createElement("template");
      rows.innerHTML = await get(projectUrl(`uploads/${id}/results?outcome=${outcome}${after}`));
      rows.content.querySelector(".more")?.setAttribute("data-upload", id);
      if (instead) instead.replaceWith(rows.content);
      else this.list.append(rows.content);
    } catch (problem) {
      toastError(problem);
    }
  }
}

/** The corner of the window where panels stand, one above the other. */
function corner() {
  const there = document.querySelector(".upload-panels");
  if (there) return there;
  const made = element("div", { class: "upload-panels" });
  document.body.append(made);
  return made;
}
