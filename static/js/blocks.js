/**
 * Where the tiles of a grid stand, and which of them are in the document: those near the window.
 *
 * Places are arithmetic: all rows are equally high, and the image at place p of the whole list stands
 * in row p / columns. Tiles come in blocks of a few rows, each at its own height in the grid, so that
 * one that comes or goes lays out nothing but itself. Images that are not loaded yet are blanks.
 */

const NARROWEST = [112, 164, 248];
/** Tiles of a block, about: a tenth of a chunk, so that no task lays out many at once. */
const BLOCK = 24;
/** Beyond the window one more window stays, as long as there are no more tiles than these: a tile
 * has 5 nodes and 4 a label, so that the page stays under 3,000. */
const MOST_TILES = 216;
/** Rows that are kept free before the first loaded image, as long as others precede it: what is
 * loaded while scrolling up then takes its place and moves nothing. In images. */
const ROOM = 960;
const LEAST_ROOM = 240;

export class Blocks {
  #blocks = new Map();
  /** Number of the row at the top of the grid. */
  #origin = 0;
  #measured = "";

  /**
   * @param {{root: Element, scroller: Element, order: Run, tileOf: (id: number) => Element?,
   *   show: (tile: Element, place: number) => void}} parts `show` is called before a tile comes in
   */
  constructor({ root, scroller, order, tileOf, show }) {
    Object.assign(this, { root, scroller, order, tileOf, show, columns: 1, rowHeight: 200, gap: 8, size: 1, inset: 0 });
    /** Whether images stand before the first loaded one. */
    this.precedes = false;
    /** Places whose tiles are in the document, as [from, to). */
    this.shown = [0, 0];
  }

  get #rowsOfBlock() { return Math.ceil(BLOCK / this.columns); }
  get #firstRow() { return Math.floor(this.order.first / this.columns); }
  get #lastRow() { return Math.floor((this.order.end - 1) / this.columns); }
  get #windowTop() { return this.scroller.scrollTop - this.root.offsetTop; }
  /** Height of the list that lies above the top of the grid, if all rows before it were there. */
  get above() { return this.#origin * this.rowHeight; }

  // --- the document --------------------------------------------------------------------------

  /** Make the grid as high as what is loaded, with room before it where more precedes. */
  arrange() {
    const room = this.#firstRow - this.#origin;
    const row = (images) => Math.ceil(images / this.columns);
    if (!this.precedes) this.#origin = this.#firstRow;
    else if (room < row(LEAST_ROOM) || room > row(ROOM)) this.#origin = Math.min(this.#firstRow - 1, Math.max(0, this.#firstRow - row(ROOM)));
    const rows = this.order.length ? this.#lastRow - this.#origin + 1 : 0;
    this.root.style.height = `${Math.max(0, rows * this.rowHeight - this.gap)}px`;
  }

  /** Forget which tiles are in the document: for when all may stand elsewhere. */
  clear() {
    for (const element of this.#blocks.values()) element.remove();
    this.#blocks.clear();
  }

  /** Have the tiles near the window in the document, and no others. */
  draw() {
    const [from, to] = this.#near();
    for (const [number, element] of this.#blocks) {
      if (number >= from && number < to) continue;
      element.remove();
      this.#blocks.delete(number);
    }
    let previous = null;
    for (let number = from; number < to; number += 1) previous = this.#drawBlock(number, previous);
    const size = this.#rowsOfBlock * this.columns;
    this.shown = [Math.max(this.order.first, from * size), Math.min(this.order.end, to * size)];
  }

  /** Numbers of the blocks near the window, as [from, to). */
  #near() {
    if (!this.order.length) return [0, 0];
    const seen = Math.ceil(this.scroller.clientHeight / this.rowHeight) + 1;
    const spare = Math.max(2, Math.min(seen, Math.floor((MOST_TILES / this.columns - seen) / 2)));
    const row = this.#origin + Math.floor(this.#windowTop / this.rowHeight);
    const top = Math.max(this.#origin, Math.min(row - spare, this.#lastRow));
    const bottom = Math.max(this.#origin, Math.min(row + seen + spare, this.#lastRow));
    const rows = this.#rowsOfBlock;
    return [Math.floor(top / rows), Math.floor(bottom / rows) + 1];
  }

  #drawBlock(number, previous) {
    let element = this.#blocks.get(number);
    if (!element) {
      element = document.createElement("div");
      element.className = "block";
      element.setAttribute("role", "presentation");
      this.#blocks.set(number, element);
      if (previous) previous.after(element);
      else this.root.prepend(element);
    }
    const top = Math.max(number * this.#rowsOfBlock, this.#origin);
    const bottom = Math.min((number + 1) * this.#rowsOfBlock, this.#lastRow + 1);
    element.style.top = `${(top - this.#origin) * this.rowHeight}px`;
    element.style.height = `${(bottom - top) * this.rowHeight - this.gap}px`;
    this.#fill(element, top * this.columns, Math.min(bottom * this.columns, this.order.end));
    return element;
  }

  #fill(element, from, to) {
    const there = element.children;
    const blanks = [...there].filter((each) => each.classList.contains("blank"));
    let differs = there.length !== to - from;
    const wanted = [];
    for (let place = from; place < to; place += 1) {
      const id = this.order.at(place);
      const tile = (id === undefined ? undefined : this.tileOf(id)) ?? blanks.pop() ?? blank();
      if (there[place - from] !== tile) {
        differs = true;
        if (tile.dataset.id) this.show(tile, place);
      }
      wanted.push(tile);
    }
    if (differs) element.replaceChildren(...wanted);
  }

  // --- geometry ------------------------------------------------------------------------------

  /** Choose the number of columns for the width there is, keeping the topmost image in view. */
  measure() {
    const width = this.root.clientWidth;
    const tile = this.root.querySelector(".tile");
    if (!width || !tile || this.#measured === `${width} ${this.size}`) return false;
    this.#measured = `${width} ${this.size}`;
    const topmost = this.#windowTop + this.inset > 0 ? this.order.at(this.placeAt(this.scroller.scrollTop + this.inset)) : null;
    this.columns = Math.max(1, Math.floor((width + this.gap) / (NARROWEST[this.size] + this.gap)));
    this.root.style.setProperty("--columns", this.columns);
    this.rowHeight = tile.getBoundingClientRect().height + this.gap;
    this.root.style.setProperty("--tile-height", `${this.rowHeight - this.gap}px`);
    this.clear();
    this.#origin = this.#firstRow;
    this.arrange();
    if (topmost) this.scroller.scrollTop = this.boxOf(this.order.placeOf(topmost)).top - this.inset;
    return true;
  }

  /** Do something that may move images, and scroll so that the topmost one stays where it is seen. */
  still(change) {
    const id = this.order.at(this.placeAt(this.scroller.scrollTop + this.inset));
    const top = () => this.boxOf(this.order.placeOf(id)).top;
    const was = id === undefined ? 0 : top();
    change();
    if (id !== undefined && this.order.has(id) && top() !== was) this.scroller.scrollTop += top() - was;
  }

  /** Where an image stands, in the scroller's own coordinates, whether its tile is there or not. */
  boxOf(place) {
    const width = (this.root.clientWidth + this.gap) / this.columns;
    const column = place - Math.floor(place / this.columns) * this.columns;
    return {
      top: this.root.offsetTop + (Math.floor(place / this.columns) - this.#origin) * this.rowHeight,
      left: this.root.offsetLeft + column * width,
      width: width - this.gap,
      height: this.rowHeight - this.gap,
    };
  }

  /** Place of the first loaded image of the row at a height of the scroller's own coordinates. */
  placeAt(top) {
    const row = this.#origin + Math.floor((top - this.root.offsetTop) / this.rowHeight);
    return Math.max(this.order.first, Math.min(this.order.end - 1, row * this.columns));
  }

  /** Loaded images that a rectangle touches, in the scroller's own coordinates. */
  idsIn({ left, top, right, bottom }) {
    const width = (this.root.clientWidth + this.gap) / this.columns;
    const first = Math.max(0, Math.ceil((left - this.root.offsetLeft + this.gap) / width) - 1);
    const last = Math.min(this.columns - 1, Math.floor((right - this.root.offsetLeft) / width));
    const rowAt = (height) => this.#origin + height / this.rowHeight;
    const firstRow = Math.max(this.#firstRow, Math.ceil(rowAt(top - this.root.offsetTop + this.gap)) - 1);
    const lastRow = Math.min(this.#lastRow, Math.floor(rowAt(bottom - this.root.offsetTop)));
    const found = [];
    for (let row = firstRow; row <= lastRow; row += 1) {
      found.push(...this.order.slice(row * this.columns + first, row * this.columns + last + 1));
    }
    return found;
  }

  /** Pixels from the window to where what is loaded begins and ends. Negative: it is seen. */
  get rest() {
    const { clientHeight } = this.scroller;
    return {
      before: this.#windowTop - (this.#firstRow - this.#origin) * this.rowHeight,
      after: (this.#lastRow + 1 - this.#origin) * this.rowHeight - this.#windowTop - clientHeight,
    };
  }

  /** Places of the first and the last image in the window. */
  get seen() {
    const { scrollTop, clientHeight } = this.scroller;
    return [this.placeAt(scrollTop + this.inset), Math.min(this.order.end - 1, this.placeAt(scrollTop + clientHeight) + this.columns - 1)];
  }

  /** Scroll just as far as it takes to see an image. */
  reveal(place) {
    if (this.order.at(place) === undefined) return;
    const box = this.boxOf(place);
    const { scrollTop, clientHeight } = this.scroller;
    if (box.top < scrollTop + this.inset) this.scroller.scrollTop = box.top - this.inset;
    else if (box.top + box.height > scrollTop + clientHeight) this.scroller.scrollTop = box.top + box.height - clientHeight + this.gap;
  }
}

function blank() {
  const made = document.createElement("div");
  made.className = "blank";
  made.setAttribute("aria-hidden", "true");
  return made;
}
