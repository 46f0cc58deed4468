// A wide window over the page, closed by its buttons, Escape, or a press beside it.

import { el, OWN_KEYS } from "./dom";

export class Dialog {
  readonly element: HTMLDialogElement;

  constructor(title: string, kind: string, content: HTMLElement, signal: AbortSignal) {
    const close = el("button", { class: "nbft-button nbft-icon-button", type: "button", "aria-label": "Close", title: "Close" }, "×");
    const head = el("div", { class: "nbft-window-head" }, el("h3", { class: "nbft-title" }, title), close);
    this.element = el("dialog", { class: `nbft-window ${kind}`, "aria-label": title, ...OWN_KEYS }, head, content);
    close.addEventListener("click", () => this.close());
    // A press that began inside, say to mark text, does not close it.
    this.element.addEventListener("mousedown", (event) => event.target === this.element && this.close());
    signal.addEventListener("abort", () => this.close());
  }

  open(): void {
    if (!this.element.open) this.element.showModal();
  }

  close(): void {
    this.element.close();
  }
}
