/** What is about to be uploaded, asked before anything is sent. */

import { count, element, icon } from "./dom.js";
import { get } from "./http.js";
import { labelField } from "./label-field.js";
import { projectUrl } from "./project.js";
import { Choice, megabytes } from "./upload-collect.js";

let open = null;

/** Add to what the open dialog shows. False when none is open. */
export function addToDialog(choice) {
  if (!open) return false;
  open.add(choice);
  return true;
}

/**
 * Show the choice and ask for labels.
 *
 * @param {Choice} choice may be empty: files are then chosen here or dropped
 * @param {{review?: boolean, pick: (kind: "files"|"folder"|"zip") => void}} options
 * @returns {Promise<{choice: Choice, labels: string, labelByFolder: boolean}|null>}
 */
export async function askUpload(choice, { review = false, pick }) {
  if (open) {
    open.add(choice);
    return null;
  }
  const offers = await get(projectUrl("uploads/options"));
  const dialog = new UploadDialog(choice, { review, pick, offers });
  open = dialog;
  const answer = await dialog.answer();
  open = null;
  return answer;
}

class UploadDialog {
  constructor(choice, { review, pick, offers }) {
    this.choice = new Choice();
    this.offers = offers;
    this.summary = element("p", { class: "summary", role: "status" });
    this.chooser = element("div", { class: "chooser" },
      element("p", { class: "muted" }, "Drop photos, a folder or a zip file here, or choose:"),
      element("div", { class: "button-row" },
        ...[["files", "image", "Files"], ["folder", "folder", "Folder"], ["zip", "zip", "Zip file"]].map(([kind, drawing, name]) => {
          const button = element("button", { class: "button", type: "button" }, icon(drawing), name);
          button.addEventListener("click", () => pick(kind));
          return button;
        })));
    this.labels = labelField(offers.labels, { id: "upload-labels", single: !offers.multi_label });
    this.byFolder = element("input", { type: "checkbox", id: "upload-by-folder" });
    this.byFolderRow = element("div", { class: "field" },
      element("label", { class: "check", for: "upload-by-folder" }, this.byFolder, "Label by folder name"),
      element("span", { class: "hint" }, "Each image gets the name of the folder it lies in."));
    this.labelRow = element("div", { class: "field" },
      element("label", { for: "upload-labels" }, offers.multi_label ? "Labels for all of these (optional)" : "Label for all of these (optional)"),
      this.labels.root,
      element("span", { class: "hint" }, offers.multi_label ? "Separate several by commas. New ones are made." : "A new one is made if the project does not have it."));
    this.problem = element("p", { class: "errorlist", role: "alert" });
    this.go = element("button", { class: "button upload", value: "yes" }, icon("upload"), "Start");
    const title = review ? "Upload images to label by similarity" : "Upload";
    const cancel = element("button", { class: "button", type: "button" }, "Cancel");
    cancel.addEventListener("click", () => this.dialog.close(""));
    const about = review && element("p", { class: "muted" }, "They are compared with the labeled images, and join the dataset only when you press Add to dataset in the review.");
    this.dialog = element("dialog", { class: "upload-dialog", "aria-label": title },
      element("form", { method: "dialog" },
        element("div", { class: "dialog-head" }, element("h2", {}, title)),
        element("div", { class: "dialog-body" }, about, this.summary, this.chooser, ...(review ? [] : [this.labelRow, this.byFolderRow]), this.problem),
        element("div", { class: "dialog-foot" }, cancel, this.go)));
    for (const event of ["input", "change", "focusout"]) this.dialog.addEventListener(event, () => this.check());
    this.add(choice);
  }

  add(choice) {
    this.choice.merge(choice);
    const { files, zips, folders, bytes, isEmpty } = this.choice;
    const parts = [
      files.length > 0 && `${count(files.length, "file")}${folders ? ` in ${count(folders, "folder")}` : ""}`,
      zips.length > 0 && count(zips.length, "zip file"),
    ].filter(Boolean);
    this.summary.textContent = isEmpty ? "" : `${parts.join(" and ")}, ${megabytes(bytes)}`;
    this.summary.hidden = isEmpty;
    this.chooser.hidden = !isEmpty;
    this.byFolderRow.hidden = folders === 0 && zips.length === 0;
    this.check();
  }

  check() {
    const names = this.labels.input.value.split(",").filter((name) => name.trim());
    const byFolder = this.byFolder.checked && !this.byFolderRow.hidden;
    const tooMany = !this.offers.multi_label && names.length + byFolder > 1;
    this.problem.textContent = tooMany
      ? (byFolder ? "An image has one label in this project: give a label, or label by folder name." : "An image has one label in this project: give one only.")
      : "";
    this.go.disabled = this.choice.isEmpty || tooMany;
  }

  answer() {
    document.body.append(this.dialog);
    this.dialog.showModal();
    this.go.focus();
    return new Promise((resolve) => {
      this.dialog.addEventListener("close", () => {
        const said = this.dialog.returnValue === "yes" && !this.choice.isEmpty;
        const labels = this.labels.input.value.split(",").map((name) => name.trim()).filter(Boolean).join(",");
        const labelByFolder = this.byFolder.checked && !this.byFolderRow.hidden;
        this.dialog.remove();
        resolve(said ? { choice: this.choice, labels, labelByFolder } : null);
      });
    });
  }
}
