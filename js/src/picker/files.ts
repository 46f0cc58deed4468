// A file of weights chosen from the kernel's machine, folder by folder.

import { el, setAttribute, setText, show } from "../lib/dom";
import type { Catalogue } from "./catalogue";
import { Dialog } from "../lib/dialog";
import { CHECKPOINT, type FolderListing } from "./protocol";
import { fileSize } from "./words";

export class FileChooser {
  readonly dialog: Dialog;
  private readonly path = el("input", { class: "nbft-input", type: "text", "aria-label": "Folder", spellcheck: "false", autocomplete: "off" });
  private readonly up = el("button", { class: "nbft-button nbft-small", type: "button", title: "The folder above" }, "↑ Up");
  private readonly list = el("div", { class: "nbft-files", role: "group", "aria-label": "Folders and files" });
  private readonly error = el("p", { class: "nbft-error", role: "alert", hidden: true });
  private parent = "";

  constructor(private readonly catalogue: Catalogue, signal: AbortSignal) {
    const content = el("div", { class: "nbft-file-chooser" },
      el("div", { class: "nbft-file-path" }, this.up, this.path), this.list, this.error);
    this.dialog = new Dialog("Weights file", "nbft-file-dialog", content, signal);
    this.up.addEventListener("click", () => void this.look(this.parent));
    this.path.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      void this.look(this.path.value);
    });
    this.list.addEventListener("keydown", (event) => this.walk(event));
    catalogue.listen("folder", () => this.draw(), signal);
  }

  open(): void {
    this.dialog.open();
    void this.look(this.catalogue.folder?.path ?? "");
  }

  private async look(path: string): Promise<void> {
    this.say(await this.catalogue.ask("browse", path));
  }

  private draw(): void {
    const { path, parent, folders, files } = this.catalogue.folder as FolderListing;
    this.say("");
    this.parent = parent;
    this.path.value = path;
    setAttribute(this.up, "disabled", !parent || parent === path);
    const rows = [
      ...folders.map((name) => this.row(name, "folder", "", () => this.look(joined(path, name)))),
      ...files.map(({ name, path: at, bytes, note }) => this.row(name, "file", [note, fileSize(bytes)].filter(Boolean).join(" · "), () => this.take(at))),
    ];
    if (!rows.length) rows.push(el("p", { class: "nbft-soft" }, "No folder and no file of weights is here."));
    this.list.replaceChildren(...rows);
    this.list.scrollTop = 0;
    if (this.dialog.element.contains(document.activeElement) && document.activeElement !== this.path) this.list.querySelector("button")?.focus();
  }

  private row(name: string, kind: "folder" | "file", detail: string, press: () => Promise<void>): HTMLElement {
    const button = el("button", { class: `nbft-file nbft-file-${kind}`, type: "button", title: name },
      el("span", { class: "nbft-file-icon", "aria-hidden": "true" }, kind === "folder" ? "▸" : "·"),
      el("span", { class: "nbft-file-name" }, name), el("span", { class: "nbft-soft nbft-file-detail" }, detail));
    button.addEventListener("click", () => void press());
    return button;
  }

  private walk(event: KeyboardEvent): void {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    const buttons = [...this.list.querySelectorAll("button")];
    buttons[buttons.indexOf(document.activeElement as HTMLButtonElement) + by]?.focus();
  }

  private async take(path: string): Promise<void> {
    const error = await this.catalogue.ask(CHECKPOINT, path);
    this.say(error);
    if (!error) this.dialog.close();
  }

  private say(error: string): void {
    show(this.error, Boolean(error));
    setText(this.error, error);
  }
}

/** A folder's path and a name in it, or the path that the name is already. */
function joined(path: string, name: string): string {
  if (/^([a-z]:)?[\\/]/i.test(name)) return name;
  const separator = path.includes("\\") ? "\\" : "/";
  return path.endsWith(separator) ? path + name : path + separator + name;
}
