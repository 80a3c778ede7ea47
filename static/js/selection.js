/** Which images are selected: some by their ids, or all that match the filter but some. */

export class Selection extends EventTarget {
  #ids = new Set();
  #except = new Set();
  #matching;
  #query;

  /** @param {{matching: () => number, query: () => string}} sources */
  constructor({ matching, query }) {
    super();
    this.#matching = matching;
    this.#query = query;
    this.all = false;
    /** Where a range begins, and where the keyboard stands. */
    this.anchor = null;
    this.active = null;
  }

  get size() {
    return this.all ? Math.max(0, this.#matching() - this.#except.size) : this.#ids.size;
  }

  has(id) {
    return this.all ? !this.#except.has(id) : this.#ids.has(id);
  }

  /** What services.selection takes. */
  json() {
    return this.all ? { all: true, filter: this.#query(), except: [...this.#except] } : { images: [...this.#ids] };
  }

  /** Ids, where they are known; null where all that match are meant. */
  get ids() {
    return this.all ? null : [...this.#ids];
  }

  set(ids) {
    this.all = false;
    this.#ids = new Set(ids);
    this.#except.clear();
    this.#changed();
  }

  only(id) {
    this.anchor = id;
    this.active = id;
    this.set([id]);
  }

  add(ids) {
    for (const id of ids) {
      if (this.all) this.#except.delete(id);
      else this.#ids.add(id);
    }
    this.#changed();
  }

  toggle(id) {
    this.anchor = id;
    this.active = id;
    const set = this.all ? this.#except : this.#ids;
    if (!set.delete(id)) set.add(id);
    this.#changed();
  }

  selectAll() {
    this.all = true;
    this.#ids.clear();
    this.#except.clear();
    this.#changed();
  }

  clear() {
    if (this.size || this.all) this.set([]);
  }

  /** Forget images that are gone. */
  drop(ids) {
    let changed = false;
    for (const id of ids) changed = this.#ids.delete(id) || this.#except.delete(id) || changed;
    if (changed) this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
