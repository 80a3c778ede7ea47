/**
 * The grid: which images it has loaded, the tiles it keeps of them, and what they show.
 *
 * `order` holds the ids of everything loaded, a part of the sorted list that touches its start or its
 * end and grows by chunks of 240; `blocks` knows where they stand. Tiles are kept for places near the
 * window only and asked for again by their ids, not their places: labeling under a filter shifts none.
 */

import { Blocks } from "./blocks.js";
import { get, post } from "./http.js";
import { projectUrl } from "./project.js";
import { Run } from "./run.js";
import { toastError } from "./toast.js";

const CHUNK = 240;
/** Chunks that are loaded again so that the place in a long grid is kept; beyond, it begins anew. */
const RELOAD_AT_MOST = 10 * CHUNK;
const LOAD_AHEAD_PX = 2400;
/** Tiles that miss so far beyond those in the document, in images, are asked for. */
const AGAIN_AHEAD = 96;
/** Kept are tiles so far beyond, at both sides: a chunk that is loaded ahead, and those before it. */
const KEEP = 1.5 * CHUNK;

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
  #tiles = new Map();
  #edges;
  #generation = 0;
  #loading = {};
  #failed = {};
  #asking = false;
  #frame = 0;
  #query;
  #matching;

  /**
   * @param {{root: Element, scroller: Element, sentinels: {before: Element, after: Element},
   *   query: () => string, matching: () => number}} parts `matching`: how many images the list has
   */
  constructor({ root, scroller, sentinels, query, matching }) {
    super();
    Object.assign(this, { root, scroller, sentinels, order: new Run() });
    this.#query = query;
    this.#matching = matching;
    const { next, last } = root.dataset;
    this.#edges = { next, last, previous: "", first: root.dataset.first };
    this.blocks = new Blocks({
      root, scroller, order: this.order, tileOf: (id) => this.#tiles.get(id), show: (tile, place) => this.#show(tile, place),
    });
    const first = [...root.querySelectorAll(".tile")];
    root.replaceChildren();
    this.#take("after", first, this.#edges);
    new ResizeObserver(() => this.measure()).observe(root);
    new ResizeObserver(() => this.look()).observe(scroller);
    scroller.addEventListener("scroll", () => this.#lookSoon(), { passive: true });
    for (const [side, sentinel] of Object.entries(sentinels)) {
      sentinel.querySelector("[data-try-again]").addEventListener("click", () => this.#extend(side));
    }
  }

  get atStart() { return !this.#edges.previous; }
  get atEnd() { return !this.#edges.next; }
  /** How many images the list has, with those that stay in view though they no longer match. */
  get total() { return this.atEnd ? this.order.end : Math.max(this.#matching(), this.order.end); }
  get aliveIds() { return [...this.#tiles.keys()]; }
  tile(id) { return this.#tiles.get(id); }

  // --- loading -------------------------------------------------------------------------------

  /** Load the next chunk. Resolves to how many images came: 0 when there are none or it failed. */
  more() { return this.#extend("after"); }

  /** Load the chunk before the first loaded image, the same way. */
  before() { return this.#extend("before"); }

  /** Ask whether images have come behind the last one. Resolves to how many were appended. */
  appendNew() {
    if (this.#edges.next || this.#loading.after) return Promise.resolve(0);
    return this.#load("after", this.#edges.last);
  }

  #extend(side) {
    const cursor = side === "after" ? this.#edges.next : this.#edges.previous;
    if (!cursor) return Promise.resolve(0);
    return this.#loading[side] ?? this.#load(side, cursor);
  }

  #load(side, cursor) {
    const loading = this.#fetch(side, cursor).finally(() => {
      if (this.#loading[side] !== loading) return;
      this.#loading[side] = null;
      this.look();
    });
    this.#loading[side] = loading;
    return loading;
  }

  async #fetch(side, cursor) {
    const generation = this.#generation;
    this.#say(side, { loading: true });
    try {
      const answer = await get(projectUrl(`tiles?${this.#query()}&${side}=${encodeURIComponent(cursor)}`));
      if (generation !== this.#generation) return 0;
      this.#say(side, {});
      return this.#take(side, parse(answer.tiles), answer);
    } catch (problem) {
      if (generation !== this.#generation) return 0;
      toastError(problem);
      this.#say(side, { failed: true });
      return 0;
    }
  }

  #say(side, { loading = false, failed = false }) {
    this.#failed[side] = failed;
    this.sentinels[side].querySelector("[data-try-again]").hidden = !failed;
    this.sentinels[side].querySelector("[data-loading]").hidden = !loading;
  }

  /** Take a chunk in at one side. Returns how many images of it were not there. */
  #take(side, tiles, { next, last, previous, first }) {
    const had = this.order.length;
    for (const tile of tiles) this.#tiles.set(idOf(tile), tile);
    const ids = tiles.map(idOf);
    if (side === "after") {
      Object.assign(this.#edges, { next, last: last || this.#edges.last });
      this.order.append(ids);
      this.blocks.arrange();
    } else {
      Object.assign(this.#edges, { previous, first: first || this.#edges.first });
      this.blocks.still(() => this.#prepend(ids));
    }
    this.blocks.draw();
    this.dispatchEvent(new Event("loaded"));
    return this.order.length - had;
  }

  #prepend(ids) {
    this.order.prepend(ids);
    this.blocks.precedes = !this.atStart;
    // How many precede the end was the page's last count: others may have come or gone since.
    if (this.atStart && this.order.first !== 0) {
      this.order.renumber(0);
      this.blocks.clear();
    }
    this.blocks.arrange();
  }

  /**
   * Begin anew at the start or at the end of the list: one chunk, however long the list is.
   *
   * Keeps what there is if the server refuses. `keepScroll` loads as much again as there was.
   */
  async reload({ keepScroll = false, atEnd = keepScroll && !this.atStart } = {}) {
    const generation = ++this.#generation;
    this.#loading = {};
    const { scrollTop, scrollHeight } = this.scroller;
    const had = this.order.length;
    try {
      const answer = await get(projectUrl(`tiles?${this.#query()}${atEnd ? "&at=end" : ""}`));
      if (generation !== this.#generation) return;
      this.#begin(parse(answer.tiles), answer);
    } finally {
      // What a reload interrupted says nothing any more.
      if (generation === this.#generation) for (const side of ["before", "after"]) this.#say(side, {});
    }
    while (keepScroll && had <= RELOAD_AT_MOST && this.order.length < had && (await (atEnd ? this.before() : this.more())));
    if (generation !== this.#generation) return;
    if (!keepScroll) this.scroller.scrollTop = atEnd ? this.scroller.scrollHeight : 0;
    else this.scroller.scrollTop = atEnd ? this.scroller.scrollHeight - scrollHeight + scrollTop : scrollTop;
    this.dispatchEvent(new Event("reloaded"));
    this.look();
  }

  #begin(tiles, edges) {
    const shown = this.#tiles;
    this.#tiles = new Map();
    for (const tile of tiles) keepPicture(shown.get(idOf(tile)), tile);
    this.#edges = edges;
    this.order.startAt(edges.previous ? Math.max(1, this.#matching() - tiles.length) : 0);
    this.blocks.precedes = !this.atStart;
    this.blocks.clear();
    this.#take("after", tiles, edges);
  }

  /** Show the last images of the list. */
  async toEnd() {
    if (!this.atEnd && this.#matching() - this.order.end <= CHUNK) await this.more();
    if (!this.atEnd) await this.reload({ atEnd: true });
    this.scrollTo(this.scroller.scrollHeight);
  }

  /** Show the first images of the list. */
  async toStart() {
    if (!this.atStart && this.order.first <= CHUNK) await this.before();
    if (!this.atStart) await this.reload();
    this.scrollTo(0);
  }

  scrollTo(top) {
    this.scroller.scrollTop = top;
    this.look();
  }

  // --- looking -------------------------------------------------------------------------------

  /** At the next frame, however often until then: keys that waited for a chunk all come at once. */
  #lookSoon() {
    this.#frame ||= requestAnimationFrame(() => this.look());
  }

  /** Show what the window is over now, and load what it comes near to. */
  look() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    this.blocks.draw();
    const { before, after } = this.order.length ? this.blocks.rest : { before: 0, after: 0 };
    if (before < LOAD_AHEAD_PX && !this.#failed.before) this.before();
    if (after < LOAD_AHEAD_PX && !this.#failed.after) this.more();
    this.#askAgain();
    this.#forgetFar();
    this.dispatchEvent(new Event("looked"));
  }

  #show(tile, place) {
    tile.setAttribute("aria-posinset", Math.max(0, place) + 1);
    tile.setAttribute("aria-setsize", this.total);
    this.dispatchEvent(new CustomEvent("tile", { detail: tile }));
  }

  #missing(from, to) {
    return this.order.slice(from, to).filter((id) => !this.#tiles.has(id));
  }

  /** Fetch tiles that were forgotten and are near again: one request at a time, a chunk at most. */
  async #askAgain() {
    const [from, to] = this.blocks.shown;
    if (this.#asking || !this.#missing(from - AGAIN_AHEAD, to + AGAIN_AHEAD).length) return;
    const ids = this.#missing(from, to);
    ids.push(...this.#missing(to, to + CHUNK), ...this.#missing(from - CHUNK, from).toReversed());
    this.#asking = true;
    try {
      const { tiles, gone } = await post(projectUrl("tiles/again"), { show: ids.slice(0, CHUNK) });
      for (const tile of parse(tiles)) {
        const id = idOf(tile);
        if (this.order.has(id) && !this.#tiles.has(id)) this.#tiles.set(id, tile);
      }
      this.remove(gone);
    } catch (problem) {
      toastError(problem);
      return;  // whoever scrolls on asks again
    } finally {
      this.#asking = false;
    }
    this.look();
  }

  #forgetFar() {
    const [from, to] = this.blocks.shown;
    if (this.#tiles.size <= to - from + 2 * KEEP + CHUNK) return;
    for (const id of this.#tiles.keys()) {
      const place = this.order.placeOf(id);
      if (place < from - KEEP || place >= to + KEEP) this.#tiles.delete(id);
    }
  }

  // --- tiles ---------------------------------------------------------------------------------

  /** Put the server's newer markup in the place of tiles that are alive. */
  replace(html) {
    for (const tile of parse(html)) {
      const old = this.#tiles.get(idOf(tile));
      if (!old) continue;
      this.#tiles.set(idOf(tile), tile);
      keepPicture(old, tile);
      if (!old.isConnected) continue;
      this.#show(tile, this.order.placeOf(idOf(tile)));
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
    if (!this.order.remove(gone)) return;
    for (const id of gone) this.#tiles.delete(id);
    this.blocks.arrange();
    this.dispatchEvent(new Event("loaded"));
    this.look();
  }

  // --- geometry ------------------------------------------------------------------------------

  setSize(size) {
    this.blocks.size = size;
    this.root.dataset.size = ["small", "medium", "large"][size];
    this.measure();
  }

  measure() {
    if (this.blocks.measure()) this.look();
  }

  /** Scroll just as far as it takes to see an image. */
  reveal(place) {
    this.blocks.reveal(place);
    this.#lookSoon();
  }
}
