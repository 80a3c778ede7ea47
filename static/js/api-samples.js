/** The page with code for scripts: languages, forms of the body, the reader's token, copying. */

import { toast } from "./toast.js";

const tabs = [...document.querySelectorAll('[role="tab"]')];
const forms = [...document.querySelectorAll('input[name="form"]')];
const token = document.querySelector("#token");
const problem = document.querySelector("#token-problem");

/** What a token is made of. Anything else would break out of the quotes in the code. */
const TOKEN = /^[\w-]{8,200}$/;

const language = () => tabs.find((tab) => tab.ariaSelected === "true").dataset.language;
const form = () => forms.find((input) => input.checked).value;

function show() {
  for (const tab of tabs) {
    const chosen = tab.ariaSelected === "true";
    tab.tabIndex = chosen ? 0 : -1;
    document.getElementById(tab.getAttribute("aria-controls")).hidden = !chosen;
  }
  for (const code of document.querySelectorAll("[data-form]")) code.hidden = code.dataset.form !== form();
  history.replaceState(null, "", `#${language()}/${form()}`);
}

function choose(tab) {
  for (const each of tabs) each.ariaSelected = String(each === tab);
  show();
}

for (const tab of tabs) tab.addEventListener("click", () => choose(tab));
for (const input of forms) input.addEventListener("change", show);

document.querySelector('[role="tablist"]').addEventListener("keydown", (event) => {
  const at = tabs.indexOf(event.target);
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  const tab = tabs.at(to % tabs.length);
  choose(tab);
  tab.focus();
});

token.addEventListener("input", () => {
  const typed = token.value.trim();
  const good = TOKEN.test(typed);
  problem.textContent = good || !typed ? "" : "A token has letters, digits, - and _ only, and no spaces.";
  for (const place of document.querySelectorAll('[data-place="token"]')) {
    place.textContent = good ? typed : "TOKEN";
  }
});

document.querySelector("#copy").addEventListener("click", async () => {
  const code = document.querySelector(`#code-${language()} [data-form="${form()}"]`);
  try {
    await navigator.clipboard.writeText(`${code.textContent}\n`);
    toast("Copied.");
  } catch {
    // Over plain HTTP from another machine there is no clipboard for pages.
    getSelection().selectAllChildren(code);
    toast("The code is selected: copy it with Ctrl+C.");
  }
});

function fromAddress() {
  const [chosen, wanted] = location.hash.slice(1).split("/");
  const input = forms.find((each) => each.value === wanted);
  if (input) input.checked = true;
  choose(tabs.find((tab) => tab.dataset.language === chosen) ?? tabs[0]);
}

window.addEventListener("hashchange", fromAddress);
fromAddress();
