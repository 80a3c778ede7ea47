/** Files out of a file dialog or a drop: folders walked to their end, junk left out, zips apart. */

const JUNK_FILES = new Set([".ds_store", "thumbs.db", "desktop.ini", "ehthumbs.db", ".directory"]);
const JUNK_FOLDERS = new Set(["__macosx", ".spotlight-v100", ".trashes", "@eadir", "$recycle.bin"]);

/** What a person chose to upload. */
export class Choice {
  constructor() {
    /** @type {{file: File, path: string}[]} */
    this.files = [];
    /** @type {File[]} */
    this.zips = [];
  }

  get isEmpty() {
    return this.files.length === 0 && this.zips.length === 0;
  }

  get bytes() {
    return [...this.files.map(({ file }) => file), ...this.zips].reduce((sum, file) => sum + file.size, 0);
  }

  /** How many folders the files lie in, not counting the one that was chosen as such. */
  get folders() {
    return new Set(this.files.map(({ path }) => path.slice(0, path.lastIndexOf("/") + 1)).filter(Boolean)).size;
  }

  add(file, path) {
    if (isJunk(path)) return;
    // Inside a folder a zip is one file among others, and gets its refusal like them.
    if (!path.includes("/") && isZip(file)) this.zips.push(file);
    else this.files.push({ file, path });
  }

  merge(other) {
    this.files.push(...other.files);
    this.zips.push(...other.zips);
  }
}

function isJunk(path) {
  const parts = path.toLowerCase().split("/");
  const name = parts.pop();
  return JUNK_FILES.has(name) || name.startsWith("._") || parts.some((folder) => JUNK_FOLDERS.has(folder));
}

const isZip = (file) => /\.zip$/i.test(file.name) || file.type === "application/zip";

/** What was chosen in a file dialog; a chosen folder gives paths that begin with its name. */
export function fromInput(input) {
  const choice = new Choice();
  for (const file of input.files) choice.add(file, file.webkitRelativePath || file.name);
  return choice;
}

/**
 * What was dropped: files, zips, and folders with everything below them.
 *
 * @param {DataTransfer} dropped
 * @param {(number: number) => void} [found] told now and then how many files there are so far
 */
export async function fromDrop(dropped, found = () => {}) {
  const choice = new Choice();
  // Entries must be taken before the first await: afterwards the list of items is empty.
  const entries = [...dropped.items].filter((item) => item.kind === "file")
    .map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile());
  for (const entry of entries) {
    if (entry instanceof File) choice.add(entry, entry.name);
    else if (entry) await walk(entry, choice, found);
  }
  return choice;
}

async function walk(top, choice, found) {
  const left = [top];
  while (left.length) {
    const entry = left.pop();
    if (entry.isFile) {
      const file = await fileOf(entry);
      if (file) choice.add(file, entry.fullPath.replace(/^\//, ""));
      if (choice.files.length % 100 === 0) found(choice.files.length);
    } else if (!JUNK_FOLDERS.has(entry.name.toLowerCase())) {
      left.push(...(await entriesOf(entry)).reverse());
    }
  }
}

const fileOf = (entry) => new Promise((resolve) => entry.file(resolve, () => resolve(null)));

/** All entries of a folder: browsers give at most 100 at a time, and none when there are no more. */
async function entriesOf(folder) {
  const reader = folder.createReader();
  const all = [];
  for (;;) {
    const some = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
    if (some.length === 0) return all;
    all.push(...some);
  }
}

/** "43 MB" */
export function megabytes(bytes) {
  if (bytes < 1024 * 1024) return `${Math.max(1, Math.round(bytes / 1024)).toLocaleString("en")} kB`;
  const size = bytes / 1024 ** 2;
  return size < 1024 ? `${size.toFixed(size < 10 ? 1 : 0)} MB` : `${(size / 1024).toFixed(1)} GB`;
}
