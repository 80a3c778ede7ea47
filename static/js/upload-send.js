/** One upload on its way: hashed, asked for what is missing, sent, retried, resumed, cancelled. */

import { get, post, RequestError, sendFile } from "./http.js";
import { projectUrl } from "./project.js";

const GROUP = 100; // files hashed and asked about together
const AHEAD = 300; // files that wait to be sent while others are hashed
const REQUEST_FILES = 50;
const REQUEST_BYTES = 20 * 1024 * 1024;
const SENDERS = 3;
const HASHERS = 4;
const HASH_LIMIT = 64 * 1024 * 1024; // a hash needs the whole file in memory
const PAUSES_S = [1, 2, 4, 8, 15];
const POLL_MS = 1000;
const WORTH_RETRYING = new Set([0, 429, 502, 503, 504]);

const wait = (ms, signal) => new Promise((resolve, reject) => {
  const timer = setTimeout(resolve, ms);
  signal.addEventListener("abort", () => { clearTimeout(timer); reject(signal.reason); }, { once: true });
});

function form(fields) {
  const data = new FormData();
  for (const [name, value] of Object.entries(fields)) if (value !== undefined && value !== "") data.append(name, value);
  return data;
}

/**
 * Sends the files of a choice as one upload and each zip as another.
 *
 * Events: `change` whenever a number below moved, `review` when a review was opened for it.
 */
export class Sending extends EventTarget {
  constructor(choice, { labels = "", labelByFolder = false, review = false } = {}) {
    super();
    this.choice = choice;
    this.options = { labels, label_by_folder: labelByFolder ? "1" : "" };
    this.review = review;
    this.reviewUrl = "";
    this.batch = undefined;
    this.uploads = [];
    this.state = "sending"; // sending, unpacking, stalled, done, failed, cancelled
    this.sentence = "";
    this.total = choice.files.length + choice.zips.length;
    this.done = 0;
    this.bytes = choice.bytes;
    this.bytesDone = 0;
    this.counts = { added: 0, duplicate: 0, refused: 0 };
    this.unreadable = [];
    this.startedAt = performance.now();
    this.abort = new AbortController();
    this.waiting = [];
  }

  get isRunning() {
    return ["sending", "unpacking", "stalled"].includes(this.state);
  }

  async run() {
    try {
      if (this.choice.files.length) await this.sendFiles(this.choice.files);
      for (const zip of this.choice.zips) await this.sendZip(zip);
      this.become("done");
    } catch (problem) {
      if (this.abort.signal.aborted) this.become("cancelled");
      else this.become("failed", problem.message);
    }
  }

  /** Go on after the connection was lost. */
  resume() {
    this.become("sending");
    for (const go of this.waiting.splice(0)) go();
  }

  /** Send nothing more. What has arrived stays. */
  cancel() {
    this.abort.abort(new DOMException("cancelled", "AbortError"));
    for (const { id, open } of this.uploads) if (open) post(projectUrl(`uploads/${id}/finish`), new FormData()).catch(() => {});
  }

  become(state, sentence = "") {
    this.state = state;
    this.sentence = sentence;
    this.changed();
  }

  changed() {
    this.dispatchEvent(new Event("change"));
  }

  /** Do it until it succeeds: pauses that grow, then wait for the person. */
  async persist(work) {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await work();
      } catch (problem) {
        if (!(problem instanceof RequestError)) throw problem;
        const signedOut = problem.code === "signed_out";
        if (!signedOut && !WORTH_RETRYING.has(problem.status)) throw problem;
        if (signedOut || attempt >= PAUSES_S.length) {
          await this.stall(problem.message);
          attempt = -1;
        } else {
          await wait(PAUSES_S[attempt] * 1000, this.abort.signal);
        }
      }
    }
  }

  stall(sentence) {
    this.become("stalled", sentence);
    return new Promise((resolve, reject) => {
      this.waiting.push(resolve);
      this.abort.signal.addEventListener("abort", () => reject(this.abort.signal.reason), { once: true });
    });
  }

  async start(kind, announced, options) {
    const begin = this.batch ? { batch: this.batch } : { review: this.review ? "1" : "" };
    const fields = { kind, announced, ...options, ...begin };
    const answer = await this.persist(() => post(projectUrl("uploads/start"), form(fields), { signal: this.abort.signal }));
    const upload = { id: answer.upload, open: true };
    this.uploads.push(upload);
    if (answer.review && !this.batch) {
      this.batch = answer.batch;
      this.reviewUrl = answer.review;
      this.dispatchEvent(new Event("review"));
    }
    return upload;
  }

  async finish(upload) {
    await this.persist(() => post(projectUrl(`uploads/${upload.id}/finish`), new FormData(), { signal: this.abort.signal }));
    upload.open = false;
  }

  async sendFiles(files) {
    const inFolders = files.some(({ path }) => path.includes("/"));
    const options = inFolders ? this.options : { ...this.options, label_by_folder: "" };
    const upload = await this.start(inFolders ? "folder" : "files", files.length, options);
    const queue = new Queue();
    const senders = Array.from({ length: SENDERS }, () => this.sendFrom(queue, upload));
    const all = [this.askInGroups(files, queue, upload), ...senders];
    try {
      await Promise.all(all);
    } catch (problem) {
      queue.close();
      throw problem;
    }
    await this.finish(upload);
  }

  async askInGroups(files, queue, upload) {
    for (let at = 0; at < files.length; at += GROUP) {
      const group = await this.hashed(files.slice(at, at + GROUP));
      if (group.length) {
        const announced = JSON.stringify(group.map(({ file, path, sha256 }) => ({ path, size: file.size, sha256 })));
        const answer = await this.persist(() => post(projectUrl(`uploads/${upload.id}/check`), form({ announced }), { signal: this.abort.signal }));
        for (const [index, result] of Object.entries(answer.results)) this.count(result, group[index].file.size);
        queue.add(answer.missing.map((index) => group[index]));
        this.changed();
      }
      await queue.below(AHEAD);
    }
    queue.close();
  }

  /** The same files with their hashes, but for those that cannot be read any more. */
  async hashed(files) {
    const readable = [];
    let next = 0;
    const hash = async () => {
      while (next < files.length) {
        this.abort.signal.throwIfAborted();
        const at = next;
        next += 1;
        try {
          readable[at] = { ...files[at], sha256: await sha256(files[at].file) };
        } catch {
          this.unreadable.push(files[at].path);
          this.count({ outcome: "refused" }, files[at].file.size);
        }
      }
    };
    await Promise.all(Array.from({ length: HASHERS }, hash));
    return readable.filter(Boolean);
  }

  async sendFrom(queue, upload) {
    for (;;) {
      const some = await queue.take();
      if (some.length === 0) return;
      const data = new FormData();
      for (const { file, path } of some) {
        data.append("path", path);
        data.append("file", file, "file");
      }
      const answer = await this.persist(() => post(projectUrl(`uploads/${upload.id}/files`), data, { signal: this.abort.signal }));
      answer.results.forEach((result, index) => this.count(result, some[index].file.size));
      this.changed();
    }
  }

  count(result, bytes) {
    this.counts[result.outcome] += 1;
    this.done += 1;
    this.bytesDone += bytes;
  }

  async sendZip(zip) {
    const upload = await this.start("zip", 0, this.options);
    const before = this.bytesDone;
    const url = projectUrl(`uploads/${upload.id}/archive`);
    const onProgress = (sent) => {
      this.bytesDone = before + Math.min(sent, zip.size);
      this.changed();
    };
    const data = new FormData();
    data.append("file", zip, "file.zip");
    await this.persist(() => sendFile(url, data, { onProgress, signal: this.abort.signal })).catch((problem) => {
      // The zip came whole and only its answer was lost: it is being unpacked by now.
      if (problem.code !== "archive_received" && problem.code !== "upload_finished") throw problem;
    });
    this.bytesDone = before + zip.size;
    this.total -= 1; // from now on its files count
    await this.follow(upload);
  }

  /** Look how far the worker has unpacked. */
  async follow(upload) {
    this.become("unpacking");
    let known = { added: 0, duplicate: 0, refused: 0 };
    let announced = 0;
    for (;;) {
      const status = await this.persist(() => get(projectUrl(`uploads/${upload.id}/status`), { signal: this.abort.signal }));
      for (const [outcome, number] of Object.entries(status.counts)) {
        this.counts[outcome] += number - known[outcome];
        this.done += number - known[outcome];
      }
      this.total += status.announced - announced;
      known = status.counts;
      announced = status.announced;
      if (this.state === "stalled") this.become("unpacking");
      this.changed();
      if (status.state === "failed") throw new RequestError(status.error);
      if (status.state !== "unpacking") break;
      await wait(POLL_MS, this.abort.signal);
    }
    upload.open = false;
    this.become("sending");
  }
}

/** Hexadecimal SHA-256, or "" where it cannot be had; rejects when the file is gone. */
async function sha256(file) {
  if (!globalThis.crypto?.subtle || file.size > HASH_LIMIT) return "";
  const digest = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Files that wait to be sent, taken in portions that fit one request. */
class Queue {
  #files = [];
  #closed = false;
  #waiting = [];

  add(files) {
    this.#files.push(...files);
    this.#wake();
  }

  close() {
    this.#closed = true;
    this.#wake();
  }

  /** A portion; empty when nothing more will come. */
  async take() {
    while (this.#files.length === 0 && !this.#closed) await this.#moved();
    let bytes = 0;
    let number = 0;
    while (number < this.#files.length && number < REQUEST_FILES) {
      bytes += this.#files[number].file.size;
      if (number > 0 && bytes > REQUEST_BYTES) break;
      number += 1;
    }
    const some = this.#files.splice(0, number);
    this.#wake();
    return some;
  }

  async below(number) {
    while (this.#files.length >= number && !this.#closed) await this.#moved();
  }

  #moved() {
    return new Promise((resolve) => { this.#waiting.push(resolve); });
  }

  #wake() {
    for (const go of this.#waiting.splice(0)) go();
  }
}
