/** The panel of labels: filter by them, give and take them, and change the list itself. */

import { act } from "./acts.js";
import { ask } from "./dialog.js";
import { count, element, swatch } from "./dom.js";
import { changeFilter, clearFilter, drawFilter, dropDeadLabels, filterValue, filteredLabels } from "./filters.js";
import { describeKeys, onKeys } from "./keys.js";
import { chooseLabel, plainName } from "./label-picker.js";
import { openMenuAt } from "./menu.js";
import { canLabel, labelById, labels } from "./page-state.js";
import { toast } from "./toast.js";

const panel = document.querySelector("#label-panel");
const rows = document.querySelector("#label-rows");
const form = document.querySelector("#add-label");

/** Wire panel and keys. `target()` is the selection labels go to, or null where nothing is selected. */
export function wireLabels({ target }) {
  const give = (choice, mode = "toggle") => {
    const selection = target();
    if (!selection) return toast("Select images first: click one, or press Ctrl+A for all.");
    const { label, name } = choice;
    return act("images/label", { ...selection, ...(label ? { label } : { name }), mode: label ? mode : "add" });
  };

  panel.addEventListener("click", (event) => {
    const row = event.target.closest("[data-label]");
    const show = event.target.closest("[data-show]");
    if (show) filterByState(show.dataset.show);
    else if (!row) return;
    else if (event.target.closest("[data-filter-label]")) filterByLabel(Number(row.dataset.label), event.ctrlKey || event.metaKey);
    else if (event.target.closest("[data-give]")) give({ label: Number(row.dataset.label) });
    else if (event.target.closest("[data-label-menu]")) openLabelMenu(event.target.closest("button"), Number(row.dataset.label));
  });

  if (!canLabel) return { give };
  for (const key of "123456789") {
    onKeys(key, "", () => {
      const label = labels().find((each) => each.key === key);
      if (label) give({ label: label.id });
      else toast(`No label has the key ${key}. Set one in the label's menu.`);
    });
  }
  describeKeys("1–9", "Give the label of that key to the selected images, or take it if all carry it", "Labels");
  onKeys("l / /", "Choose a label by typing; a new name makes a new label", () => choose(), { group: "Labels" });

  async function choose() {
    if (!target()) return toast("Select images first: click one, or press Ctrl+A for all.");
    const choice = await chooseLabel(null, labels(), { title: "Label the selected images" });
    return choice && give(choice);
  }
  return { give, choose };
}

// --- filtering -------------------------------------------------------------------------------

function filterByState(show) {
  if (show === "" || filterValue("show") === show) clearFilter();
  else changeFilter((draft) => {
    draft.delete("label");
    draft.set("show", show);
  });
}

function filterByLabel(id, together) {
  const chosen = filteredLabels();
  const others = together ? chosen.filter((other) => other !== id) : [];
  const off = chosen.includes(id) && (together || chosen.length === 1);
  changeFilter((draft) => {
    draft.delete("label");
    if (draft.get("show") === "unlabeled") draft.delete("show");
    for (const other of off ? others : [...others, id]) draft.append("label", other);
  });
}

// --- the list itself -------------------------------------------------------------------------

const edit = (label, change) => act(`labels/${label.id}/edit`, change);

function openLabelMenu(button, id) {
  const label = labelById(id);
  const all = labels();
  const place = all.findIndex((each) => each.id === id);
  openMenuAt(button, [
    { label: "Rename…", icon: "edit", run: () => rename(label) },
    { label: "Color…", color: label.color, run: () => recolor(label) },
    { label: "Key…", icon: "help", keys: label.key, run: () => openKeyMenu(button, label) },
    "---",
    { label: "Move up", disabled: place === 0, run: () => move(place, -1) },
    { label: "Move down", disabled: place === all.length - 1, run: () => move(place, 1) },
    "---",
    { label: "Merge into…", icon: "merge", disabled: all.length < 2, run: () => merge(label) },
    { label: "Delete…", icon: "trash", run: () => remove(label) },
  ]);
}

async function rename(label) {
  const name = await ask({ title: `Rename ${label.name}`, confirm: "Rename", field: { label: "New name", value: label.name } });
  if (name) edit(label, { name });
}

function openKeyMenu(button, label) {
  const all = labels();
  openMenuAt(button, [
    { heading: `Key of ${label.name}` },
    ...[..."123456789"].map((key) => {
      const having = all.find((each) => each.key === key);
      return { label: key, icon: having?.id === label.id ? "check" : undefined, keys: having ? having.name : "", run: () => edit(label, { key }) };
    }),
    { label: "None", run: () => edit(label, { key: "" }) },
  ]);
}

function move(place, step) {
  const order = labels().map((label) => label.id);
  [order[place], order[place + step]] = [order[place + step], order[place]];
  act("labels/order", { labels: order });
}

async function merge(label) {
  const others = labels().filter((each) => each.id !== label.id);
  const choice = await chooseLabel(null, others, { title: `Merge ${label.name} into…`, create: false });
  if (!choice) return;
  const into = labelById(choice.label);
  const said = await ask({
    title: `Merge ${label.name} into ${into.name}?`, confirm: "Merge",
    text: `${count(label.images, "image")} labeled ${label.name} will be labeled ${into.name}, and ${label.name} goes from the list. This can be undone.`,
  });
  if (said) act(`labels/${label.id}/merge`, { into: into.id });
}

async function remove(label) {
  const said = await ask({
    title: `Delete the label ${label.name}?`, confirm: "Delete label", danger: true,
    text: label.images ? `${count(label.images, "image")} will lose it. This can be undone.` : "No image carries it. This can be undone.",
  });
  if (said) act(`labels/${label.id}/delete`);
}

function recolor(label) {
  const dialog = element("dialog", { "aria-label": `Color of ${label.name}` });
  const choose = (color) => {
    dialog.close();
    edit(label, { color });
  };
  const palette = panel.dataset.colors.split(" ").map((color) => {
    const button = element("button", { type: "button", class: "color", "aria-label": color, title: color, "aria-pressed": color === label.color }, swatch(color));
    button.addEventListener("click", () => choose(color));
    return button;
  });
  const own = element("input", { type: "color", value: label.color, id: "own-color" });
  const use = element("button", { type: "button", class: "button" }, "Use");
  const cancel = element("button", { type: "button", class: "button" }, "Cancel");
  use.addEventListener("click", () => choose(own.value));
  cancel.addEventListener("click", () => dialog.close());
  dialog.append(
    element("div", { class: "dialog-head" }, element("h2", {}, `Color of ${label.name}`)),
    element("div", { class: "dialog-body" }, element("div", { class: "palette" }, ...palette),
      element("div", { class: "own-color" }, element("label", { for: "own-color" }, "Another one"), own, use)),
    element("div", { class: "dialog-foot" }, cancel));
  document.body.append(dialog);
  dialog.addEventListener("close", () => dialog.remove());
  dialog.showModal();
}

// --- find or add -----------------------------------------------------------------------------

function narrow() {
  const typed = plainName(form.elements.name.value);
  let exact = null;
  for (const row of rows.querySelectorAll("[data-label]")) {
    const name = plainName(row.dataset.name);
    row.hidden = !name.includes(typed);
    if (name === typed) exact = row;
  }
  const add = form.querySelector("button");
  if (add) add.disabled = !typed || Boolean(exact);
  return { typed, exact };
}

form.addEventListener("input", narrow);
form.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !form.elements.name.value) return;
  form.reset();
  narrow();
  event.preventDefault();
});
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { typed, exact } = narrow();
  if (!typed) return;
  if (exact) filterByLabel(Number(exact.dataset.label), false);
  else if (!canLabel || !(await act("labels/add", { name: form.elements.name.value }))) return;
  form.reset();
  narrow();
});
document.addEventListener("labels-changed", () => {
  dropDeadLabels();
  narrow();
  drawFilter();
});
