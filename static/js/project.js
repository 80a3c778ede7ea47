/** The project of the page, its addresses, and the two events by which the page's parts talk. */

const PROJECT = document.body.dataset.project;

/** Address of a part of this project: `projectUrl("labels/")`. */
export const projectUrl = (path = "") => `/projects/${PROJECT}/${path}`;

/** Tell the other parts of the page that images came, went, or carry other labels. */
export function imagesChanged(detail = {}) {
  document.dispatchEvent(new CustomEvent("images-changed", { detail }));
}

/** Tell the other parts of the page that the list of labels or its counts changed. */
export function labelsChanged(detail = {}) {
  document.dispatchEvent(new CustomEvent("labels-changed", { detail }));
}
