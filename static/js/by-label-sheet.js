/** The sheet of a review by label: which tile is the current one, what is marked, corrected, left out. */

import { element, swatch } from "./dom.js";

const MOST_STEPS = 100;

/**
 * What a person said of tiles and that is not saved yet lies here by image, so it outlives a new sheet.
 * A mark holds only while the same label is suggested. Every change can be taken back.
 */
export class Sheet extends EventTarget {
  #marks = new Map();
  #given = new Map();
  #leftOut = new Set();
  #past = [];
  #future = [];
  #sent = new Set();

  constructor(root) {
    super();
    this.root = root;
    /** Image id of the tile under pointer or keyboard, or null. */
    this.current = null;
  }

  // --- tiles -----------------------------------------------------------------------------------

  get tiles() {
    return [...this.root.querySelectorAll(".tile:not([hidden])")];
  }

  tile(id) {
    return id === null ? null : this.root.querySelector(`#tile-${id}:not([hidden])`);
  }

  get currentTile() {
    return this.tile(this.current);
  }

  get leftOut() {
    return [...this.#leftOut];
  }

  isMarked = (tile) => this.#marks.get(idOf(tile)) === tile.dataset.suggested;
  givenTo = (tile) => this.#given.get(idOf(tile))?.label ?? null;

  /** Tiles a person marked and gave no label yet. */
  get marked() {
    return this.tiles.filter((tile) => this.isMarked(tile) && !this.givenTo(tile));
  }

  get corrected() {
    return this.#given.size;
  }

  /** What stands before a tile and is suggested as something: what is new is never accepted unseen. */
  before(tile) {
    if (!tile || isNew(tile)) return [];
    const all = this.tiles;
    return all.slice(0, all.indexOf(tile)).filter((each) => !isNew(each));
  }

  /** What is to be sent for these tiles: the marked as wrong, the corrected as that, the rest as right. */
  decisions(tiles) {
    const found = new Map([...this.#given].map(([image, { label, suggested }]) => [image, decision(image, suggested, label.id)]));
    for (const tile of tiles) {
      const { suggested } = tile.dataset;
      if (this.#given.has(idOf(tile)) || isNew(tile)) continue;
      found.set(idOf(tile), decision(idOf(tile), suggested, this.isMarked(tile) ? null : Number(suggested)));
    }
    return [...found.values()];
  }

  // --- changes ---------------------------------------------------------------------------------

  makeCurrent(tile) {
    const id = tile ? idOf(tile) : null;
    if (id === this.current) return;
    this.current = id;
    this.draw();
  }

  toggle(tile) {
    this.#change(() => {
      if (this.#given.delete(idOf(tile)) || this.isMarked(tile)) this.#marks.delete(idOf(tile));
      else this.#mark(tile);
    });
  }

  /** Mark exactly these beside those marked before (`kept`): what a rectangle touches grows and shrinks. */
  markAll(tiles) {
    this.#change(() => tiles.forEach((tile) => this.#mark(tile)));
  }

  give(tiles, label) {
    this.#change(() => {
      for (const tile of tiles) {
        this.#marks.delete(idOf(tile));
        this.#given.set(idOf(tile), { label, suggested: tile.dataset.suggested });
      }
    });
  }

  leaveOut(tile) {
    const next = this.#neighbour(tile);
    this.#change(() => {
      this.#leftOut.add(idOf(tile));
      this.#marks.delete(idOf(tile));
      this.#given.delete(idOf(tile));
    });
    this.makeCurrent(next);
  }

  showLeftOut() {
    this.#change(() => this.#leftOut.clear());
  }

  clear() {
    if (this.#marks.size || this.#given.size) this.#change(() => { this.#marks.clear(); this.#given.clear(); });
  }

  #mark(tile) {
    if (!this.#given.has(idOf(tile))) this.#marks.set(idOf(tile), tile.dataset.suggested);
  }

  #neighbour(tile) {
    const all = this.tiles;
    const at = all.indexOf(tile);
    return all[at + 1] ?? all[at - 1] ?? null;
  }

  // --- taking back what is not saved -----------------------------------------------------------

  #snapshot = () => ({ marks: new Map(this.#marks), given: new Map(this.#given), leftOut: new Set(this.#leftOut) });

  #change(work) {
    this.#past.push(this.#snapshot());
    if (this.#past.length > MOST_STEPS) this.#past.shift();
    this.#future = [];
    work();
    this.draw();
  }

  #restore({ marks, given, leftOut }) {
    [this.#marks, this.#given, this.#leftOut] = [marks, given, leftOut];
    this.draw();
  }

  /** Take the last change back; false where there is none since the last act. */
  undo() {
    if (!this.#past.length) return false;
    this.#future.push(this.#snapshot());
    this.#restore(this.#past.pop());
    return true;
  }

  redo() {
    if (!this.#future.length) return false;
    this.#past.push(this.#snapshot());
    this.#restore(this.#future.pop());
    return true;
  }

  // --- what was sent ---------------------------------------------------------------------------

  /** Take decided tiles away before the server has answered; returns what brings them back. */
  send(decisions) {
    const before = this.#snapshot();
    const ids = decisions.map(({ image }) => image);
    this.#past = [];
    this.#future = [];
    for (const id of ids) {
      this.#sent.add(id);
      this.#marks.delete(id);
      this.#given.delete(id);
    }
    if (ids.includes(this.current)) this.current = null;
    this.draw();
    return () => {
      for (const id of ids) {
        this.#sent.delete(id);
        if (before.marks.has(id)) this.#marks.set(id, before.marks.get(id));
        if (before.given.has(id)) this.#given.set(id, before.given.get(id));
      }
      this.draw();
    };
  }

  /** Put the server's markup in place of the sheet. `settled`: it knows of everything that was sent. */
  replace(html, { settled }) {
    // A rejected photo comes back under its next label.
    if (settled) this.#sent.clear();
    const focused = this.root.contains(document.activeElement);
    const made = document.createElement("template");
    made.innerHTML = html;  // drawn and escaped by our own server
    this.root.replaceChildren(made.content);
    if (!this.tile(this.current)) this.current = null;
    this.draw();
    if (focused) this.focus();
  }

  /** Give the keyboard to the list with the current tile, or to the first one. */
  focus() {
    (this.currentTile ?? this.root).closest(".grid")?.focus({ preventScroll: true });
    if (!this.currentTile) this.root.querySelector(".grid")?.focus({ preventScroll: true });
  }

  draw() {
    for (const tile of this.root.querySelectorAll(".tile")) tile.hidden = this.#leftOut.has(idOf(tile)) || this.#sent.has(idOf(tile));
    for (const section of this.root.querySelectorAll("[data-section]")) section.hidden = !section.querySelector(".tile:not([hidden])");
    const before = new Set(this.before(this.currentTile));
    for (const tile of this.tiles) this.#paint(tile, before);
    for (const grid of this.root.querySelectorAll(".grid")) {
      if (grid.contains(this.currentTile)) grid.setAttribute("aria-activedescendant", this.currentTile.id);
      else grid.removeAttribute("aria-activedescendant");
    }
    this.dispatchEvent(new Event("change"));
  }

  #paint(tile, before) {
    const label = this.givenTo(tile);
    const marked = !label && this.isMarked(tile);
    tile.setAttribute("aria-selected", String(marked));
    tile.classList.toggle("given", Boolean(label));
    tile.classList.toggle("current", idOf(tile) === this.current);
    tile.classList.toggle("before", before.has(tile) && !marked && !label);
    const verdict = tile.querySelector("[data-verdict]");
    if (verdict.dataset.of === String(label?.id ?? "")) return;
    verdict.dataset.of = String(label?.id ?? "");
    verdict.replaceChildren(...(label ? [element("span", { class: "chip", title: `Will be ${label.name}` }, swatch(label.color), element("span", {}, label.name))] : []));
  }
}

export const idOf = (tile) => Number(tile.dataset.id);
export const isNew = (tile) => "new" in tile.dataset;
export const sectionOf = (tile) => tile?.closest("[data-section]") ?? null;
export const othersOf = (tile) => (tile.dataset.others ? tile.dataset.others.split(",").map(Number) : []);

function decision(image, suggested, chosen) {
  return { image, suggested: suggested ? Number(suggested) : null, chosen };
}
