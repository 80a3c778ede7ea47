/** Short messages at the foot of the window, read out by screen readers. */

const STAY_MS = 7000;
const MOST = 3;

/** Behind a modal dialog nothing can be read or clicked: messages go into it until it closes. */
function region() {
  const region = document.querySelector(".toasts");
  const top = [...document.querySelectorAll("dialog:modal")].at(-1) ?? document.body;
  if (region.parentElement !== top) {
    top.append(region);
    top.addEventListener("close", () => document.body.append(region), { once: true });
  }
  return region;
}

/**
 * @param {string} sentence what happened
 * @param {{kind?: "info"|"error", action?: {label: string, run: () => void}}} [options]
 */
export function toast(sentence, { kind = "info", action } = {}) {
  const element = document.createElement("div");
  element.className = `toast ${kind}`;
  const text = document.createElement("span");
  text.className = "text";
  text.textContent = sentence;
  element.append(text);
  const close = () => element.remove();
  if (action) element.append(button(action.label, "", () => { close(); action.run(); }));
  element.append(button("✕", "close", close, "Close this message"));
  const shown = region();
  shown.append(element);
  while (shown.children.length > MOST) shown.firstElementChild.remove();
  // An error stays until it is closed: it says how to mend something.
  if (kind !== "error") keepFor(element, STAY_MS, close);
  return element;
}

function keepFor(element, ms, close) {
  let timer = setTimeout(close, ms);
  element.addEventListener("pointerenter", () => clearTimeout(timer));
  element.addEventListener("pointerleave", () => { timer = setTimeout(close, ms); });
}

function button(label, className, run, title) {
  const element = document.createElement("button");
  element.type = "button";
  element.className = className;
  element.textContent = label;
  if (title) element.setAttribute("aria-label", title);
  element.addEventListener("click", run);
  return element;
}

/** Show an error as a toast; an aborted request is no error. */
export function toastError(problem) {
  if (problem.name === "AbortError") return;
  toast(problem.message, { kind: "error" });
}
