/**
 * The images that are loaded: one part of the sorted list without a hole, growing at both ends.
 *
 * Each image has its place in the whole list, counted from 0. Places stay when images come before
 * others, so each end grows in the time of what comes, however much is loaded: with 100,000 images,
 * counting them anew would cost more with every chunk.
 */
export class Run {
  /** What came before the first chunk, the nearest first, and that chunk with what came behind it. */
  #before = [];
  #behind = [];
  /** Id -> place, as counted from the first image of the first chunk. */
  #places = new Map();
  #start = 0;

  get first() { return this.#start - this.#before.length; }
  /** The place behind the last image. */
  get end() { return this.#start + this.#behind.length; }
  get length() { return this.#before.length + this.#behind.length; }

  /** Id of the image at a place, undefined where none is loaded, and for null. */
  at(place) {
    if (place === null) return undefined;
    const from = place - this.#start;
    return from < 0 ? this.#before[-1 - from] : this.#behind[from];
  }

  has(id) { return this.#places.has(id); }

  /** Place of an image, null where it is not loaded. */
  placeOf(id) {
    const from = this.#places.get(id);
    return from === undefined ? null : from + this.#start;
  }

  /** Ids from a place to before another, as far as they are loaded. */
  slice(from, to) {
    const ids = [];
    for (let place = Math.max(from, this.first); place < Math.min(to, this.end); place += 1) ids.push(this.at(place));
    return ids;
  }

  /** Begin anew, empty: what comes first gets this place. */
  startAt(place) {
    this.#before = [];
    this.#behind = [];
    this.#places.clear();
    this.#start = place;
  }

  /** Images that stand behind the last one; those that are loaded already stay where they are. */
  append(ids) {
    for (const id of ids) {
      if (this.#places.has(id)) continue;
      this.#places.set(id, this.#behind.length);
      this.#behind.push(id);
    }
  }

  /** Images that stand before the first one, in the order of the list. */
  prepend(ids) {
    for (const id of ids.toReversed()) {
      if (this.#places.has(id)) continue;
      this.#before.push(id);
      this.#places.set(id, -this.#before.length);
    }
  }

  /** Give the first image this place, after images came or went before what is loaded. */
  renumber(first) {
    this.#start += first - this.first;
  }

  /** Take images out, the others close the gap. Tells whether any was there. Counts all anew. */
  remove(gone) {
    if (![...gone].some((id) => this.#places.has(id))) return false;
    const left = this.slice(this.first, this.end).filter((id) => !gone.has(id));
    this.startAt(this.first);
    this.append(left);
    return true;
  }
}
