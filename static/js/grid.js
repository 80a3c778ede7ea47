/**
 * The grid: which images it has loaded and in what order, and which of their tiles are alive.
 *
 * `order` holds the ids of everything loaded; tiles exist only in chunks near the window. Far chunks
 * are emptied, keep their height, and are asked for again by their ids. A chunk holds 240 tiles and
 * the number of columns always divides 240, so that no chunk ends in the middle of a row.
 */

import { get, post } from "./http.js";
import { projectUrl } from "./project.js";
import { toastError } from "./toast.js";

const CHUNK = 240;
const COLUMNS = [1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 16, 20, 24];
const NARROWEST = [112, 164, 248];
/** Chunks that are loaded again so that the place in a long grid is kept; beyond, it begins anew. */
const RELOAD_AT_MOST = 10 * CHUNK;
/** Tiles this far beyond the window stay alive. */
const ALIVE_PX = 1600;
const LOAD_AHEAD_PX = 1200;

function parse(html) {
  const made = document.createElement("template");
  made.innerHTML = html;  // our own server's markup
  return [...made.content.querySelectorAll(".tile")];
}

/** A loaded picture would flash if it were loaded again: it goes over to the newer tile. */
function keepPicture(old, tile) {
  const [was, is] = [old?.querySelector("img"), tile.querySelector("img")];
  if (was && is && was.getAttribute("src") === is.getAttribute("src")) is.replaceWith(was);
}

const idOf = (tile) => Number(tile.dataset.id);

export class Grid extends EventTarget {
  #chunks = [];
  #tiles = new Map();
  #next;
  #last;
  #generation = 0;
  #loading = null;
  #query;
  #near;

  /** @param {{root: Element, scroller: Element, sentinel: Element, query: () => string}} parts */
  constructor({ root, scroller, sentinel, query }) {
    super();
    Object.assign(this, { root, scroller, sentinel, order: [], places: new Map(), columns: 1, rowHeight: 200, gap: 8, size: 1, inset: 0 });
    this.#query = query;
    this.#next = root.dataset.next;
    this.#last = root.dataset.last;
    const first = parse(root.firstElementChild.innerHTML);
    root.replaceChildren();
    this.#near = new IntersectionObserver((entries) => this.#nearChanged(entries), { root: scroller, rootMargin: `${ALIVE_PX}px 0px` });
    this.#add(first);
    new ResizeObserver(() => this.measure()).observe(root);
    this.ahead = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) this.more();
    }, { root: scroller, rootMargin: `${LOAD_AHEAD_PX}px 0px` });
    this.ahead.observe(sentinel);
    sentinel.querySelector("[data-try-again]").addEventListener("click", () => this.more());
  }

  get complete() { return !this.#next; }
  get aliveIds() { return [...this.#tiles.keys()]; }
  tile(id) { return this.#tiles.get(id); }
  indexOf(id) { return this.places.get(id) ?? -1; }

  // --- loading -------------------------------------------------------------------------------

  /** Load the next chunk. Resolves when it stands there; false when there is none or it failed. */
  more() {
    if (!this.#next) return Promise.resolve(false);
    this.#loading ??= this.#fetch(this.#next).finally(() => { this.#loading = null; });
    return this.#loading;
  }

  /** Ask whether images have come behind the last one. Resolves to how many were appended. */
  async appendNew() {
    if (this.#next || this.#loading) return 0;
    const before = this.order.length;
    this.#loading = this.#fetch(this.#last).finally(() => { this.#loading = null; });
    await this.#loading;
    return this.order.length - before;
  }

  async #fetch(after) {
    const generation = this.#generation;
    const tryAgain = this.sentinel.querySelector("[data-try-again]");
    const loading = this.sentinel.querySelector("[data-loading]");
    tryAgain.hidden = true;
    loading.hidden = false;
    try {
      const answer = await get(projectUrl(`tiles?${this.#query()}&after=${encodeURIComponent(after)}`));
      if (generation !== this.#generation) return false;
      this.#next = answer.next;
      this.#last = answer.last || this.#last;
      this.#add(parse(answer.tiles));
    } catch (problem) {
      toastError(problem);
      tryAgain.hidden = false;
      return false;
    } finally {
      loading.hidden = true;
    }
    // The observer speaks only when something changes: ask again whether the end is still in view.
    this.ahead.unobserve(this.sentinel);
    this.ahead.observe(this.sentinel);
    return true;
  }

  /** Begin anew, after the filter or the sort changed. Keeps what there is if the server refuses. */
  async reload({ keepScroll = false } = {}) {
    const generation = ++this.#generation;
    const top = this.scroller.scrollTop;
    const had = this.order.length;
    const answer = await get(projectUrl(`tiles?${this.#query()}`));
    if (generation !== this.#generation) return;
    const shown = this.#tiles;
    this.order = [];
    this.places.clear();
    this.#tiles = new Map();
    this.#arrange();
    this.#next = answer.next;
    this.#last = answer.last;
    const tiles = parse(answer.tiles);
    for (const tile of tiles) keepPicture(shown.get(idOf(tile)), tile);
    this.#add(tiles);
    while (keepScroll && had <= RELOAD_AT_MOST && this.order.length < had && (await this.more()));
    if (generation !== this.#generation) return;
    this.scroller.scrollTop = keepScroll ? top : 0;
    this.dispatchEvent(new Event("reloaded"));
    this.ahead.unobserve(this.sentinel);
    this.ahead.observe(this.sentinel);
  }

  #add(tiles) {
    for (const tile of tiles) {
      const id = idOf(tile);
      if (!this.places.has(id)) {
        this.places.set(id, this.order.length);
        this.order.push(id);
      }
      this.#tiles.set(id, tile);
      this.#announce(tile);
    }
    this.#arrange();
    this.dispatchEvent(new Event("loaded"));
  }

  // --- tiles ---------------------------------------------------------------------------------

  /** Put the server's newer markup in the place of tiles that are alive. */
  replace(html) {
    for (const tile of parse(html)) {
      const old = this.#tiles.get(idOf(tile));
      if (!old) continue;
      this.#tiles.set(idOf(tile), tile);
      this.#announce(tile);
      keepPicture(old, tile);
      old.replaceWith(tile);
    }
  }

  /** Ask the server for these tiles again, as far as they are alive. */
  async refresh(ids = this.aliveIds) {
    const alive = ids.filter((id) => this.#tiles.has(id));
    if (!alive.length) return;
    const { tiles, gone } = await post(projectUrl("tiles/again"), { show: alive });
    this.replace(tiles);
    this.remove(gone);
  }

  /** Take images out of the grid; the others close the gap. */
  remove(ids) {
    const gone = new Set(ids);
    if (!this.order.some((id) => gone.has(id))) return;
    this.order = this.order.filter((id) => !gone.has(id));
    this.places = new Map(this.order.map((id, index) => [id, index]));
    for (const id of gone) this.#tiles.delete(id);
    this.#arrange();
    this.dispatchEvent(new Event("loaded"));
  }

  #announce(tile) {
    this.dispatchEvent(new CustomEvent("tile", { detail: tile }));
  }

  // --- chunks --------------------------------------------------------------------------------

  #arrange() {
    const needed = Math.ceil(this.order.length / CHUNK);
    while (this.#chunks.length > needed) {
      const chunk = this.#chunks.pop();
      this.#near.unobserve(chunk.element);
      chunk.element.remove();
    }
    while (this.#chunks.length < needed) {
      const element = document.createElement("div");
      element.className = "chunk";
      element.setAttribute("role", "presentation");
      element.dataset.chunk = this.#chunks.length;
      this.#chunks.push({ element, alive: true, filling: false });
      this.root.append(element);
      this.#near.observe(element);
    }
    this.#chunks.forEach((chunk, index) => this.#place(chunk, index));
  }

  #idsOf(index) {
    return this.order.slice(index * CHUNK, (index + 1) * CHUNK);
  }

  #place(chunk, index) {
    const ids = this.#idsOf(index);
    this.#setHeight(chunk, ids.length);
    if (!chunk.alive) return;
    if (ids.some((id) => !this.#tiles.has(id))) {
      this.#fill(chunk, index);
      return;
    }
    const wanted = ids.map((id) => this.#tiles.get(id));
    wanted.forEach((tile, offset) => {
      tile.setAttribute("aria-posinset", index * CHUNK + offset + 1);
      tile.setAttribute("aria-setsize", this.complete ? this.order.length : -1);
    });
    if (wanted.length !== chunk.element.children.length || wanted.some((tile, offset) => chunk.element.children[offset] !== tile)) {
      chunk.element.replaceChildren(...wanted);
    }
  }

  #setHeight({ element, alive }, number) {
    const height = Math.ceil(number / this.columns) * this.rowHeight - this.gap;
    element.style.height = alive ? "" : `${height}px`;
    element.style.containIntrinsicSize = `auto 100% auto ${height}px`;
  }

  #nearChanged(entries) {
    for (const { target, isIntersecting } of entries) {
      const index = Number(target.dataset.chunk);
      const chunk = this.#chunks[index];
      if (!chunk || chunk.element !== target || chunk.alive === isIntersecting) continue;
      chunk.alive = isIntersecting;
      if (!isIntersecting) {
        chunk.element.replaceChildren();
        for (const id of this.#idsOf(index)) this.#tiles.delete(id);
      }
      this.#place(chunk, index);
    }
  }

  async #fill(chunk, index) {
    if (chunk.filling) return;
    chunk.filling = true;
    chunk.element.style.height = `${Math.ceil(this.#idsOf(index).length / this.columns) * this.rowHeight - this.gap}px`;
    const generation = this.#generation;
    const ids = this.#idsOf(index).filter((id) => !this.#tiles.has(id));
    try {
      const answer = await post(projectUrl("tiles/again"), { show: ids });
      if (generation !== this.#generation) return;
      const came = new Set();
      if (chunk.alive) {
        for (const tile of parse(answer.tiles)) {
          came.add(idOf(tile));
          this.#tiles.set(idOf(tile), tile);
          this.#announce(tile);
        }
      }
      chunk.filling = false;
      if (!chunk.alive) return;
      const gone = ids.filter((id) => !came.has(id));
      if (gone.length) this.remove(gone);
      else this.#place(chunk, index);
    } catch (problem) {
      toastError(problem);
    } finally {
      chunk.filling = false;
    }
  }

  // --- geometry ------------------------------------------------------------------------------

  setSize(size) {
    this.size = size;
    this.root.dataset.size = ["small", "medium", "large"][size];
    this.measure();
  }

  /** Choose the number of columns for the width there is, keeping the topmost image in view. */
  measure() {
    const width = this.root.clientWidth;
    if (!width) return;
    const topmost = this.order.length ? this.indexAt(this.scroller.scrollTop + this.inset) : 0;
    const fit = Math.max(1, Math.floor((width + this.gap) / (NARROWEST[this.size] + this.gap)));
    const columns = COLUMNS.findLast((number) => number <= fit);
    const changed = columns !== this.columns;
    this.columns = columns;
    this.root.style.setProperty("--columns", columns);
    const tile = this.#tiles.values().next().value;
    const rowHeight = tile ? tile.getBoundingClientRect().height + this.gap : this.rowHeight;
    if (!changed && Math.abs(rowHeight - this.rowHeight) < 0.5) return;
    this.rowHeight = rowHeight;
    this.#chunks.forEach((chunk, index) => this.#setHeight(chunk, this.#idsOf(index).length));
    if (topmost > 0) this.scroller.scrollTop = this.boxOf(topmost).top - this.inset;
  }

  /** Where an image stands, in the scroller's own coordinates, whether its tile is alive or not. */
  boxOf(index) {
    const chunk = this.#chunks[Math.floor(index / CHUNK)].element;
    const place = index % CHUNK;
    const width = (this.root.clientWidth + this.gap) / this.columns;
    return {
      top: chunk.offsetTop + Math.floor(place / this.columns) * this.rowHeight,
      left: this.root.offsetLeft + (place % this.columns) * width,
      width: width - this.gap,
      height: this.rowHeight - this.gap,
    };
  }

  /** Index of the first image of the row at a height of the scroller's own coordinates. */
  indexAt(top) {
    const at = this.#chunks.findLastIndex((chunk) => chunk.element.offsetTop <= top);
    if (at < 0) return 0;
    const row = Math.floor((top - this.#chunks[at].element.offsetTop) / this.rowHeight);
    return Math.min(this.order.length - 1, at * CHUNK + row * this.columns);
  }

  /** Indexes of the images that a rectangle touches, in the scroller's own coordinates. */
  indexesIn({ left, top, right, bottom }) {
    const found = [];
    if (!this.order.length) return found;
    const start = Math.max(0, this.indexAt(top) - this.columns);
    for (let index = start; index < this.order.length; index += 1) {
      const box = this.boxOf(index);
      if (box.top > bottom) break;
      if (box.top + box.height >= top && box.left <= right && box.left + box.width >= left) found.push(index);
    }
    return found;
  }

  /** Scroll just as far as it takes to see an image. */
  reveal(index) {
    if (index < 0 || index >= this.order.length) return;
    const box = this.boxOf(index);
    const { scrollTop, clientHeight } = this.scroller;
    if (box.top < scrollTop + this.inset) this.scroller.scrollTop = box.top - this.inset;
    else if (box.top + box.height > scrollTop + clientHeight) this.scroller.scrollTop = box.top + box.height - clientHeight + this.gap;
  }
}
