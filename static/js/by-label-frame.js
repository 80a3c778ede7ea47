/** Around the sheet of a review by label: the size of its thumbnails, and the panel on narrow screens. */

const SIZES = ["small", "medium", "large"];

/** @param {HTMLElement} root the sheet; its size is the one chosen last on any page of tiles */
export function wireFrame(root) {
  const size = document.querySelector("[data-tile-size]");
  const setSize = (value) => {
    const chosen = SIZES[value] ? Number(value) : 1;
    size.value = chosen;
    size.setAttribute("aria-valuetext", SIZES[chosen]);
    root.dataset.size = SIZES[chosen];
  };
  size.addEventListener("input", () => {
    localStorage.setItem("tile-size", size.value);
    setSize(size.value);
  });
  setSize(localStorage.getItem("tile-size") ?? 1);

  const toggle = document.querySelector("[data-panel-toggle]");
  const narrow = matchMedia("(max-width: 800px)");
  const showPanel = (open) => {
    document.body.classList.toggle("panel-closed", !open);
    toggle.setAttribute("aria-expanded", open);
  };
  toggle.addEventListener("click", () => showPanel(document.body.classList.contains("panel-closed")));
  narrow.addEventListener("change", () => showPanel(!narrow.matches));
  showPanel(!narrow.matches);
}
