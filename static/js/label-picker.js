/** Choosing one label: type to find it, Enter takes it, and what is not there yet can be made. */

import { element, icon, swatch } from "./dom.js";

const MOST = 200;
let close = null;

/** Names that differ only by case or spaces are one label. */
export const plainName = (text) => text.normalize("NFKC").trim().replace(/\s+/g, " ").toLowerCase();

/**
 * @typedef {{id: number, name: string, color: string, key: string}} Label
 * @param {Element|null} anchor what it opens below; null opens it in the upper middle of the window
 * @param {Label[]} labels
 * @param {{title?: string, create?: boolean, hint?: (label: Label) => string}} [options] without
 *   `create`, only what is there can be chosen
 * @returns {Promise<{label: number} | {name: string} | null>}
 */
export function chooseLabel(anchor, labels, { title = "Find or add a label", create = true, hint = (label) => label.key } = {}) {
  return new Promise((resolve) => {
    const invitation = create ? "Find a label, or type a new one" : "Find a label";
    const input = element("input", {
      type: "text", role: "combobox", "aria-label": title, placeholder: anchor ? title : invitation, maxlength: "100", autocomplete: "off",
      "aria-expanded": "true", "aria-controls": "picker-list", "aria-autocomplete": "list", spellcheck: "false",
    });
    const list = element("ul", { id: "picker-list", role: "listbox", "aria-label": "Labels" });
    const nothing = element("p", { class: "muted small", role: "status" });
    const box = element("div", { class: "label-picker" }, !anchor && element("h2", {}, title), input, list, nothing);
    const before = document.activeElement;
    let at = 0;

    const done = (choice) => {
      if (close !== done) return;
      close = null;
      document.removeEventListener("pointerdown", outside, true);
      box.remove();
      if (before?.isConnected) before.focus({ preventScroll: true });
      resolve(choice);
    };
    const outside = (event) => { if (!box.contains(event.target)) done(null); };
    const mark = (index) => {
      const all = [...list.children];
      at = all.length ? (index + all.length) % all.length : 0;
      for (const [i, entry] of all.entries()) entry.setAttribute("aria-selected", String(i === at));
      if (all[at]) {
        input.setAttribute("aria-activedescendant", all[at].id);
        all[at].scrollIntoView({ block: "nearest" });
      } else input.removeAttribute("aria-activedescendant");
    };
    const fill = () => {
      const found = matches(labels, input.value, { create });
      nothing.textContent = found.length ? "" : labels.length ? "No label of that name." : "No labels yet: type a name.";
      list.replaceChildren(...found.map((choice, index) => entryOf(choice, index, hint)));
      for (const entry of list.children) entry.addEventListener("click", () => done(entry.choice));
      mark(0);
    };

    close?.(null);
    close = done;
    input.addEventListener("input", fill);
    input.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown") mark(at + 1);
      else if (event.key === "ArrowUp") mark(at - 1);
      else if (event.key === "Enter" && !event.isComposing) {
        if (list.children[at]) done(list.children[at].choice);
      }
      else if (event.key === "Escape" || event.key === "Tab") done(null);
      else return event.stopPropagation();
      event.preventDefault();
      return event.stopPropagation();
    });
    document.addEventListener("pointerdown", outside, true);
    // A modal dialog is alone in the browser's top layer: what is to be seen above it lies inside.
    (anchor?.closest("dialog") ?? document.querySelector("dialog[open]") ?? document.body).append(box);
    fill();
    place(box, anchor);
    input.focus();
  });
}

/** Labels whose name has the typed text: those that begin with it first. */
function matches(labels, typed, { create }) {
  const sought = plainName(typed);
  const found = labels
    .map((label) => ({ label, at: plainName(label.name).indexOf(sought) }))
    .filter(({ at }) => at >= 0)
    .sort((a, b) => (a.at > 0) - (b.at > 0))
    .slice(0, MOST)
    .map(({ label }) => ({ label }));
  const exists = labels.some((label) => plainName(label.name) === sought);
  if (create && sought && !exists) found.push({ name: typed.trim().replace(/\s+/g, " ") });
  return found;
}

function entryOf(choice, index, hint) {
  const { label, name } = choice;
  const entry = element("li", { id: `picker-${index}`, role: "option", "aria-selected": "false" },
    label ? swatch(label.color) : icon("plus"),
    element("span", { class: "text" }, label ? label.name : `Add “${name}”`),
    label && hint(label) && element("kbd", {}, hint(label)));
  entry.choice = label ? { label: label.id } : { name };
  return entry;
}

function place(box, anchor) {
  box.classList.toggle("alone", !anchor);
  if (!anchor) return;
  const at = anchor.getBoundingClientRect();
  const size = box.getBoundingClientRect();
  const below = at.bottom + 4;
  const top = below + size.height > innerHeight - 8 ? Math.max(8, at.top - size.height - 4) : below;
  box.style.left = `${Math.max(8, Math.min(at.left, innerWidth - size.width - 8))}px`;
  box.style.top = `${top}px`;
}
