/** How fast something goes, by what was done in the last seconds; and how it is said. */

export class Pace {
  #samples = [];
  #window;

  constructor(windowMs) {
    this.#window = windowMs;
  }

  reset() {
    this.#samples = [];
  }

  /** Note how much is done by now. */
  note(done) {
    const now = performance.now();
    this.#samples.push({ now, done });
    while (this.#samples.length > 2 && this.#samples[0].now < now - this.#window) this.#samples.shift();
  }

  /** What is done a second, 0 while nobody can say. */
  get rate() {
    const first = this.#samples[0];
    const latest = this.#samples.at(-1);
    if (!first) return 0;
    const seconds = (latest.now - first.now) / 1000;
    return seconds > 0.5 ? (latest.done - first.done) / seconds : 0;
  }
}

export function duration(seconds) {
  if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}
