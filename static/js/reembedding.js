/** Says how far a re-embedding is: on the settings page, and as a strip on the project's page. */

import { duration, Pace } from "./pace.js";

/** Slow encoders take seconds for a chunk of 32. */
const WINDOW_MS = 60_000;
const STUCK_MS = 90_000;
const STUCK = "The worker is not running: re-embedding goes on when it is. Start the application again, or look at its log.";

export class Reembedding {
  #root;
  #pace = new Pace(WINDOW_MS);
  #last = null;
  #movedAt = 0;

  /** @param {HTMLElement} root with [data-text], progress, [data-lost] and perhaps [data-problem] */
  constructor(root) {
    this.#root = root;
  }

  /**
   * Show what the server says of a project's progress.
   *
   * @returns {boolean} whether a re-embedding has ended since the last time
   */
  draw(progress) {
    const run = progress.reembedding;
    const ended = this.#last !== null && (!run || run.encoder !== this.#last.encoder);
    if (!run || ended) this.#pace.reset();
    if (run) {
      this.#note(run, progress.pending > 0);
      this.#show(run, progress.pending > 0);
    }
    this.#last = run;
    return ended;
  }

  #note(run, waits) {
    const counted = this.#last !== null && run.done !== this.#last.done;
    // Done comes in jumps, a chunk at a time: measured from jump to jump, or half a chunk deceives.
    if (counted) this.#pace.note(run.done);
    const moved = this.#last === null || counted || run.is_loading !== this.#last.is_loading;
    if (moved || waits) this.#movedAt = performance.now();
  }

  #show(run, waits) {
    const find = (name) => this.#root.querySelector(name);
    const text = this.#sentence(run, waits);
    // Only what differs, or a screen reader would say it every second.
    if (find("[data-text]").textContent !== text) find("[data-text]").textContent = text;
    const bar = find("progress");
    bar.max = Math.max(run.total, 1);
    bar.value = run.done;
    const lost = find("[data-lost]");
    lost.hidden = run.failed === 0;
    lost.textContent = `${run.failed.toLocaleString("en")} could not be read`;
    const problem = find("[data-problem]");
    if (!problem) return;
    problem.hidden = performance.now() - this.#movedAt < STUCK_MS;
    problem.textContent = problem.hidden ? "" : STUCK;
  }

  #sentence(run, waits) {
    const name = `Re-embedding with ${run.encoder}`;
    if (run.is_loading) return `${name}: loading the encoder`;
    const parts = [`${name}: ${run.done.toLocaleString("en")} of ${run.total.toLocaleString("en")}`];
    const { rate } = this.#pace;
    if (waits) parts.push("new images go first");
    else if (rate > 0) parts.push(`about ${duration((run.total - run.done) / rate)} left`);
    return parts.join(", ");
  }
}
