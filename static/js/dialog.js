/** Native dialogs: focus is trapped and given back by the browser, Esc closes. */

import { element } from "./dom.js";

/**
 * Ask a question and wait for the answer.
 *
 * @param {object} question
 * @param {string} question.title
 * @param {string} [question.text]
 * @param {string} [question.confirm] text of the button that says yes
 * @param {boolean} [question.danger]
 * @param {{label: string, value?: string, mustEqual?: string, maxLength?: number, type?: string,
 *   min?: number, max?: number}} [question.field] a number's bounds are checked by the browser
 * @returns {Promise<string|boolean|null>} the field's text, true where there is no field, or null
 */
export function ask({ title, text, confirm = "OK", danger = false, field }) {
  const input = field && element("input", {
    type: field.type ?? "text", value: field.value ?? "", maxlength: field.maxLength ?? 100, autocomplete: "off",
    id: "dialog-field", min: field.min, max: field.max,
  });
  const yes = element("button", { class: `button ${danger ? "danger" : "primary"}`, value: "yes" }, confirm);
  const no = element("button", { class: "button", type: "button" }, "Cancel");
  const form = element("form", { method: "dialog" },
    element("div", { class: "dialog-head" }, element("h2", {}, title)),
    element("div", { class: "dialog-body" },
      text && element("p", {}, text),
      field && element("div", { class: "field" }, element("label", { for: "dialog-field" }, field.label), input)),
    element("div", { class: "dialog-foot" }, no, yes));
  const dialog = element("dialog", { "aria-label": title }, form);
  document.body.append(dialog);

  const check = () => {
    if (!field) return;
    const typed = input.value.trim();
    yes.disabled = field.mustEqual !== undefined ? typed !== field.mustEqual.trim() : typed === "";
  };
  if (input) input.addEventListener("input", check);
  check();
  no.addEventListener("click", () => dialog.close(""));
  dialog.showModal();
  if (input) input.select();
  else yes.focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      const said = dialog.returnValue === "yes";
      dialog.remove();
      resolve(said ? (input ? input.value.trim() : true) : null);
    });
  });
}

/** Show content in a dialog that only closes. Returns the dialog element. */
export function show(title, content, { wide = false } = {}) {
  const close = element("button", { class: "button quiet icon-only", "aria-label": "Close" }, "✕");
  const dialog = element("dialog", { class: wide ? "wide" : "", "aria-label": title },
    element("form", { method: "dialog" },
      element("div", { class: "dialog-head" }, element("h2", {}, title), close)),
    element("div", { class: "dialog-body" }, content));
  document.body.append(dialog);
  dialog.addEventListener("close", () => dialog.remove());
  dialog.showModal();
  return dialog;
}
