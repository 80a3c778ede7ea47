/** A field for labels separated by commas that offers the project's own: arrows, Enter or Tab, Esc. */

import { element } from "./dom.js";

const MOST = 8;

/**
 * @param {string[]} names the labels there are
 * @param {{id: string, single?: boolean}} options
 * @returns {{root: HTMLElement, input: HTMLInputElement}}
 */
export function labelField(names, { id, single = false }) {
  const input = element("input", {
    id, type: "text", autocomplete: "off", role: "combobox", "aria-expanded": "false",
    "aria-controls": `${id}-list`, "aria-autocomplete": "list", maxlength: "6000",
    placeholder: single ? "for example hat" : "for example hat, outdoors",
  });
  const list = element("ul", { id: `${id}-list`, role: "listbox", class: "suggestions", "aria-label": "Labels of the project", hidden: true });
  const root = element("div", { class: "label-field" }, input, list);
  let active = -1;

  const before = () => input.value.slice(0, input.value.lastIndexOf(",") + 1);
  const typed = () => input.value.slice(before().length).trim().toLowerCase();
  const options = () => [...list.children];

  function close() {
    list.hidden = true;
    active = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }

  function offer() {
    const given = new Set(input.value.split(",").map((name) => name.trim().toLowerCase()));
    const fitting = names.filter((name) => name.toLowerCase().includes(typed()) && !given.has(name.toLowerCase()));
    list.replaceChildren(...fitting.slice(0, MOST).map((name, index) =>
      element("li", { role: "option", id: `${id}-${index}`, "aria-selected": "false" }, name)));
    list.hidden = fitting.length === 0;
    active = -1;
    input.setAttribute("aria-expanded", String(!list.hidden));
  }

  function mark(index) {
    const all = options();
    active = (index + all.length) % all.length;
    all.forEach((option, at) => option.setAttribute("aria-selected", String(at === active)));
    input.setAttribute("aria-activedescendant", all[active].id);
  }

  function choose(name) {
    const start = before();
    input.value = single ? name : `${start}${start ? " " : ""}${name}, `;
    close();
    input.focus();
  }

  input.addEventListener("input", offer);
  input.addEventListener("focus", offer);
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    if (list.hidden) {
      if (event.key === "ArrowDown") offer();
      return;
    }
    if (event.key === "ArrowDown") mark(active + 1);
    else if (event.key === "ArrowUp") mark(active <= 0 ? -1 : active - 1);
    else if ((event.key === "Enter" || event.key === "Tab") && active >= 0) choose(options()[active].textContent);
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  // Before the field loses the focus, which would take the list away.
  list.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    const option = event.target.closest('[role="option"]');
    if (option) choose(option.textContent);
  });
  return { root, input };
}
