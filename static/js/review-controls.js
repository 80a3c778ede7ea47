/** The controls: slider and number side by side, one request at a time, the newest values last. */

import { count } from "./dom.js";

const WAIT_MS = 60;
/** After so long a pause, ticks are counted as changed since now and not since the move before. */
const GESTURE_MS = 1500;

/**
 * @param {HTMLFormElement} form
 * @param {(controls: object) => Promise<{changed: number}>} send
 * @returns {(controls: object) => void} shows what the server has, unless a hand is on the controls
 */
export function watchControls(form, send) {
  const said = form.querySelector("[data-changed]");
  const reason = form.querySelector("[data-reason]");
  follow(form);
  let settled = valuesOf(form);
  let since = settled;
  let timer = null;
  let busy = false;
  let again = false;
  let lastMove = -GESTURE_MS;

  const push = async () => {
    const values = valuesOf(form);
    if (!values) return;
    if (busy) { again = true; return; }
    if (same(values, settled)) return;
    busy = true;
    try {
      const { changed } = await send({ ...values, since });
      settled = values;
      say(changed ? `${count(changed, "tick")} changed` : "No tick changed");
    } catch {
      write(form, settled);
      follow(form);
    } finally {
      busy = false;
      if (again) { again = false; push(); }
    }
  };
  const say = (text) => {
    said.textContent = text;
    said.classList.remove("fresh");
    said.getBoundingClientRect();  // starts the animation anew
    said.classList.add("fresh");
  };

  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", ({ target }) => {
    if (!target.dataset.of && !target.dataset.knob) return;
    if (target.dataset.of) form.querySelector(`[data-knob="${target.dataset.of}"]`).value = target.value;
    const problem = problemOf(form);
    said.textContent = problem;
    follow(form);
    if (problem) return;
    if (target.type === "number") form.querySelector(`[data-of="${target.dataset.knob}"]`).value = target.value;
    // A checkbox or a choice is no gesture: its own effect is what is told.
    if (target.type === "checkbox" || target.localName === "select" || performance.now() - lastMove > GESTURE_MS) since = busy ? since : settled;
    lastMove = performance.now();
    clearTimeout(timer);
    timer = setTimeout(push, WAIT_MS);
  });
  form.addEventListener("change", ({ target }) => {
    if (target.type === "number" && problemOf(form)) { write(form, settled); said.textContent = ""; }
  });
  // Arrows belong to the slider here, not to the rows.
  form.addEventListener("keydown", (event) => {
    if (event.key.startsWith("Arrow") && event.target.matches("input, select")) event.stopPropagation();
  });
  return (controls) => {
    reason.textContent = controls.reason;
    reason.hidden = !controls.reason;
    if (busy || performance.now() - lastMove < GESTURE_MS || same(controls, settled)) return;
    const topOnly = knob(form, "top_only");
    write(form, { ...controls, top_only: topOnly.disabled ? topOnly.checked : controls.top_only });
    follow(form);
    settled = since = valuesOf(form);
  };
}

function knob(form, name) {
  return form.querySelector(`[data-knob="${name}"]`);
}

function problemOf(form) {
  const k = knob(form, "k");
  const threshold = knob(form, "threshold");
  if (k.value === "" || !k.checkValidity()) return "1 to 100 results";
  if (threshold.value === "" || !threshold.checkValidity()) return "0 to 100 %";
  return "";
}

function valuesOf(form) {
  if (problemOf(form)) return null;
  return {
    k: Number(knob(form, "k").value), threshold: Number(knob(form, "threshold").value), top_only: knob(form, "top_only").checked,
    per_label: knob(form, "per_label")?.checked ?? false, method: knob(form, "method").value,
  };
}

const same = (one, other) => ["k", "threshold", "top_only", "per_label", "method"].every((name) => one[name] === other[name]);

const VOTES = "How many of the most similar labeled images vote, and stand beside each row";
const ONLY_SHOWN = "How many of the most similar labeled images stand beside each row. This method does not let them vote: it asks all labeled images";

/** Where each label has a threshold of its own, the one for all rests; and what k means follows the method. */
function follow(form) {
  for (const input of [knob(form, "k"), form.querySelector('[data-of="k"]'), form.querySelector('label[for="k"]')]) {
    input.title = knob(form, "method").value === "neighbours" ? VOTES : ONLY_SHOWN;
  }
  const rests = knob(form, "per_label")?.checked ?? false;
  for (const input of [knob(form, "threshold"), form.querySelector('[data-of="threshold"]')]) {
    input.disabled = rests;
    input.title = rests ? "Each label has a threshold of its own" : "";
  }
}

function write(form, { k, threshold, top_only: topOnly, per_label: perLabel, method }) {
  knob(form, "method").value = method;
  for (const [name, value] of [["k", k], ["threshold", threshold]]) {
    knob(form, name).value = value;
    form.querySelector(`[data-of="${name}"]`).value = value;
  }
  knob(form, "top_only").checked = topOnly;
  if (knob(form, "per_label")) knob(form, "per_label").checked = perLabel;
}
