// All images of a folder of the kernel's machine, into a CSV file.

import { el, newId, setAttribute, setText, show } from "../lib/dom";
import type { FolderWork } from "./protocol";
import type { Store } from "./store";

const HINT = "Every image below the folder, one row each.";

export class FolderForm {
  readonly element: HTMLElement;
  private readonly folder = textbox("photos/to sort");
  private readonly csv = textbox("beside the folder");
  private readonly start = el("button", { class: "nbft-button nbft-small", type: "submit" }, "Predict folder");
  private readonly cancel = el("button", { class: "nbft-button nbft-small", type: "button" }, "Cancel");
  private readonly fill = el("span", { class: "nbft-folder-bar-fill" });
  private readonly progress = el("div", { class: "nbft-folder-bar", role: "progressbar", "aria-label": "Images predicted", "aria-valuemin": "0" }, this.fill);
  private readonly words = el("p", { class: "nbft-folder-words", role: "status" });
  private readonly error = el("p", { class: "nbft-error", role: "alert", hidden: true });
  private readonly link = el("a", { class: "nbft-folder-link", href: "#" }, "Download");
  private url = "";
  private csvName = "";

  constructor(private readonly store: Store, signal: AbortSignal) {
    const form = el("form", { class: "nbft-folder-form" },
      labelled("Folder", this.folder), labelled("CSV file", this.csv), this.start);
    const doing = el("div", { class: "nbft-folder-doing" }, this.progress, this.words, this.link, this.cancel);
    this.element = el("div", { class: "nbft-folder" }, form, doing, this.error);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.act("predict folder", { folder: this.folder.value, csv: this.csv.value });
    });
    this.cancel.addEventListener("click", () => void this.act("cancel folder"));
    this.link.addEventListener("click", (event) => void this.download(event));
    signal.addEventListener("abort", () => this.forget());
  }

  draw(work: FolderWork, trouble: string): void {
    const running = work.state === "running";
    this.start.disabled = running || Boolean(trouble);
    show(this.progress, running);
    show(this.cancel, running);
    setAttribute(this.progress, "aria-valuemax", work.of ? String(work.of) : undefined);
    setAttribute(this.progress, "aria-valuenow", work.of ? String(work.done) : undefined);
    this.progress.classList.toggle("nbft-folder-bar-unknown", !work.of);
    this.fill.style.width = work.of ? `${(100 * work.done) / work.of}%` : "";
    setText(this.words, work.words || HINT);
    this.words.classList.toggle("nbft-folder-failed", work.state === "failed");
    if (work.csv !== this.csvName) this.forget();
    this.csvName = work.csv;
    show(this.link, Boolean(work.csv));
  }

  private async act(name: string, value?: unknown): Promise<void> {
    const error = await this.store.ask(name, value);
    show(this.error, Boolean(error), error);
  }

  /** The first click fetches the file, and follows the link then. */
  private async download(event: MouseEvent): Promise<void> {
    if (this.url) return;
    event.preventDefault();
    const found = await this.store.fetchCsv();
    show(this.error, typeof found === "string", typeof found === "string" ? found : "");
    if (typeof found === "string") return;
    this.url = URL.createObjectURL(found);
    setAttribute(this.link, "href", this.url);
    setAttribute(this.link, "download", this.csvName);
    this.link.click();
  }

  private forget(): void {
    if (this.url) URL.revokeObjectURL(this.url);
    this.url = "";
    setAttribute(this.link, "href", "#");
  }
}

function textbox(empty: string): HTMLInputElement {
  return el("input", { class: "nbft-input", type: "text", id: newId("folder"), placeholder: empty, spellcheck: "false", autocomplete: "off" });
}

function labelled(words: string, input: HTMLInputElement): HTMLElement {
  return el("div", { class: "nbft-folder-field" }, el("label", { for: input.id }, words), input);
}
