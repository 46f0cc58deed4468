// How pictures come in: dropped anywhere on the region, chosen, pasted, or taken by a camera.

import { el, setText, show } from "../lib/dom";
import type { Source } from "./prepared";

export interface Wishes {
  take(sources: Source[]): void;
  say(error: string): void;
  /** Start the camera or end it. */
  camera(): void;
}

const ICON = `<svg viewBox="0 0 48 48" width="48" height="48" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round"><rect x="5" y="8" width="38" height="32" rx="4"/><circle cx="16" cy="18" r="3.5"/><path d="M6 35l11-11 8 8 6-6 11 11"/></svg>`;

export class Intake {
  readonly element: HTMLElement;
  private readonly words = el("p", { class: "nbft-drop-words" });
  private readonly classes = el("p", { class: "nbft-drop-classes" });
  private readonly files = el("input", { type: "file", accept: "image/*", multiple: true, hidden: true, "aria-label": "Image files" });
  private readonly choose = button("Choose images", "nbft-primary");
  private readonly paste = button("Paste");
  private readonly camera = button("Camera");
  private readonly buttons: HTMLElement;
  private depth = 0;

  constructor(private readonly region: HTMLElement, private readonly wishes: Wishes, signal: AbortSignal) {
    const icon = el("div", { class: "nbft-drop-icon", "aria-hidden": "true" });
    icon.innerHTML = ICON;
    this.buttons = el("div", { class: "nbft-drop-buttons" }, this.choose, this.paste, this.camera);
    this.element = el("div", { class: "nbft-drop" }, icon, this.words, this.buttons, this.classes, this.files);
    this.choose.addEventListener("click", () => this.files.click());
    this.files.addEventListener("change", () => this.chosen());
    this.paste.addEventListener("click", () => void this.pasteByButton());
    this.camera.addEventListener("click", () => wishes.camera());
    // Only secure pages (https, localhost) may read the clipboard unasked.
    show(this.paste, Boolean(navigator.clipboard?.read));
    this.listen(signal);
  }

  /** Large and alone, or a line above the pictures; with a sentence where nothing can be taken. */
  draw(slim: boolean, classes: string, trouble: string): void {
    this.element.classList.toggle("nbft-drop-slim", slim);
    setText(this.words, trouble || (slim ? "Drop more pictures here" : "Drop a picture here"));
    this.words.classList.toggle("nbft-drop-trouble", Boolean(trouble));
    show(this.classes, Boolean(classes), classes);
    this.classes.title = classes;
    show(this.buttons, !trouble);
  }

  drawCamera(on: boolean): void {
    this.camera.setAttribute("aria-pressed", String(on));
  }

  private listen(signal: AbortSignal): void {
    const { region } = this;
    const over = (event: DragEvent) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      // JupyterLab would take the drop for itself, and open the file.
      event.preventDefault();
      event.stopPropagation();
      event.dataTransfer.dropEffect = "copy";
    };
    region.addEventListener("dragenter", (event) => this.within(event, 1), { signal });
    region.addEventListener("dragleave", (event) => this.within(event, -1), { signal });
    region.addEventListener("dragover", over, { signal });
    region.addEventListener("drop", (event) => {
      over(event);
      this.depth = 0;
      region.classList.remove("nbft-dropping");
      this.take([...(event.dataTransfer?.files ?? [])]);
    }, { signal });
    region.addEventListener("paste", (event) => {
      const files = [...(event.clipboardData?.files ?? [])];
      if (event.target instanceof HTMLInputElement && !files.length) return;
      event.preventDefault();
      event.stopPropagation();
      if (files.length) this.take(files);
      else this.wishes.say("The clipboard holds no picture.");
    }, { signal });
  }

  private within(event: DragEvent, by: number): void {
    if (!event.dataTransfer?.types.includes("Files")) return;
    this.depth = Math.max(0, this.depth + by);
    this.region.classList.toggle("nbft-dropping", this.depth > 0);
  }

  private chosen(): void {
    this.take([...(this.files.files ?? [])]);
    this.files.value = "";
  }

  private take(files: File[]): void {
    if (files.length) this.wishes.take(files.map((file) => ({ name: file.name || "picture", data: file })));
  }

  private async pasteByButton(): Promise<void> {
    try {
      const items = await navigator.clipboard.read();
      const sources = await Promise.all(items.flatMap((item) => {
        const kind = item.types.find((type) => type.startsWith("image/"));
        return kind ? [item.getType(kind).then((data) => ({ name: "pasted picture", data }))] : [];
      }));
      if (sources.length) this.wishes.take(sources);
      else this.wishes.say("The clipboard holds no picture.");
    } catch (error) {
      this.wishes.say(`The clipboard may not be read (${(error as Error).message}). Press Ctrl+V here instead.`);
    }
  }
}

function button(words: string, kind = ""): HTMLButtonElement {
  return el("button", { class: `nbft-button ${kind}`.trim(), type: "button" }, words);
}
