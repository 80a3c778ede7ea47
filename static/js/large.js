/** The large view: one image as large as the window, what is known of it, and the same keys. */

import { act } from "./acts.js";
import { element, icon } from "./dom.js";
import { get } from "./http.js";
import { describeKeys } from "./keys.js";
import { state } from "./page-state.js";
import { projectUrl } from "./project.js";
import { toastError } from "./toast.js";

const GROUP = "Large view";

export class Large {
  #grid;
  #selection;
  #dialog = null;
  #parts = {};

  constructor({ grid, selection }) {
    this.#grid = grid;
    this.#selection = selection;
    /** Id of the image shown, or null. */
    this.id = null;
    describeKeys("arrows", "Previous and next image", GROUP);
    describeKeys("space / escape", "Back to the grid", GROUP);
    document.addEventListener("act-done", ({ detail }) => {
      if (this.id === null) return;
      if (detail.gone.includes(this.id)) this.#dialog.close();
      else this.#describe();
    });
  }

  /** Show the image at a place of the grid's list. */
  open(place) {
    const id = this.#grid.order.at(place);
    if (id === undefined) return;
    if (!this.#dialog) this.#build();
    this.#show(id);
  }

  #build() {
    const parts = {
      picture: element("div", { class: "picture" }),
      facts: element("div", { class: "about", tabindex: "-1" }),
      place: element("span", { class: "number place", "aria-live": "polite" }),
      back: element("button", { class: "button icon-only", type: "button", "aria-label": "Previous image", title: "Previous (←)" }, icon("left")),
      on: element("button", { class: "button icon-only", type: "button", "aria-label": "Next image", title: "Next (→)" }, icon("right")),
      close: element("button", { class: "button icon-only", type: "button", "aria-label": "Close", title: "Close (Esc)" }, icon("close")),
    };
    const dialog = element("dialog", { class: "large-view", "data-keys": true, "aria-label": "Large view" },
      parts.picture,
      element("aside", {},
        element("div", { class: "large-head" }, parts.back, parts.on, parts.place, parts.close), parts.facts));
    parts.back.addEventListener("click", () => this.#step(-1));
    parts.on.addEventListener("click", () => this.#step(1));
    parts.close.addEventListener("click", () => dialog.close());
    parts.facts.addEventListener("click", (event) => this.#onFacts(event));
    dialog.addEventListener("keydown", (event) => this.#onKey(event));
    dialog.addEventListener("close", () => this.#closed());
    // Toasts under a modal dialog could be neither seen nor clicked.
    dialog.append(document.querySelector(".toasts"));
    document.body.append(dialog);
    dialog.showModal();
    parts.close.focus();
    this.#dialog = dialog;
    this.#parts = parts;
  }

  #closed() {
    document.body.append(document.querySelector(".toasts"));
    this.#dialog.remove();
    this.#dialog = null;
    const id = this.id;
    this.id = null;
    this.#grid.root.focus({ preventScroll: true });
    if (!this.#grid.order.has(id)) return;
    this.#selection.only(id);
    this.#grid.reveal(this.#grid.order.placeOf(id));
  }

  #onKey(event) {
    if (event.target.closest("input, .menu, dialog.picker") || event.ctrlKey || event.metaKey || event.altKey) return;
    const step = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
    const onButton = event.target.closest("button") && event.target !== this.#parts.close;
    if (step) this.#step(step);
    else if (event.key === " " && !onButton) this.#dialog.close();
    else return;
    event.preventDefault();
  }

  async #step(by) {
    const { order } = this.#grid;
    const next = () => order.at(order.placeOf(this.id) + by);
    if (next() === undefined) await (by < 0 ? this.#grid.before() : this.#grid.more());
    if (next() !== undefined && this.#dialog) this.#show(next());
  }

  #show(id) {
    this.id = id;
    const { order } = this.#grid;
    const at = order.placeOf(id);
    const { picture, place, back, on } = this.#parts;
    const name = this.#grid.tile(id)?.querySelector(".name").textContent ?? "";
    const image = element("img", { src: projectUrl(`images/${id}/large`), alt: name });
    image.addEventListener("error", () => {
      if (this.id === id) picture.replaceChildren(element("p", { class: "muted" }, "This image cannot be shown."));
    });
    picture.replaceChildren(image);
    place.textContent = `${(at + 1).toLocaleString("en")} of ${state.counts.matching.toLocaleString("en")}`;
    back.disabled = at === order.first && this.#grid.atStart;
    on.disabled = at === order.end - 1 && this.#grid.atEnd;
    this.#describe();
    this.#preload(order.at(at + 1));
  }

  #preload(id) {
    if (id !== undefined && this.#grid.tile(id)?.querySelector("img")) new Image().src = projectUrl(`images/${id}/large`);
  }

  async #describe() {
    const id = this.id;
    try {
      const html = await get(projectUrl(`images/${id}/details`));
      if (this.id !== id) return;
      const focused = document.activeElement?.closest?.(".about [data-label]") !== null && this.#parts.facts.contains(document.activeElement);
      const made = document.createElement("template");
      made.innerHTML = html;  // our own server's markup
      this.#parts.facts.replaceChildren(made.content);
      if (focused) this.#parts.facts.focus();
    } catch (problem) {
      toastError(problem);
    }
  }

  #onFacts(event) {
    const row = event.target.closest("[data-label]");
    if (!row) return;
    const body = { images: [this.id], label: Number(row.dataset.label) };
    if (event.target.closest("[data-star]")) act("images/star", body);
    else if (event.target.closest("[data-take]")) act("images/label", { ...body, mode: "remove" });
  }
}
