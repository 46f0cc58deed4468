// A few choices side by side, of which one is pressed.

import { el, setAttribute } from "./dom";

export class Segments<Value extends string> {
  readonly element: HTMLElement;
  private readonly buttons: Map<Value, HTMLButtonElement>;
  private readonly helps: Map<Value, string>;

  constructor(name: string, options: readonly (readonly [Value, string, string])[], choose: (value: Value) => void) {
    this.helps = new Map(options.map(([value, , help]) => [value, help]));
    this.buttons = new Map(options.map(([value, label, help]) => {
      const button = el("button", { class: "nbft-segment", type: "button", title: help || undefined }, label);
      button.addEventListener("click", () => choose(value));
      return [value, button];
    }));
    this.element = el("div", { class: "nbft-segments", role: "group", "aria-label": name }, ...this.buttons.values());
  }

  /** Whether they can be pressed at all; `since` says when they will. */
  able(able: boolean, since: string): void {
    for (const [value, button] of this.buttons) {
      setAttribute(button, "disabled", !able);
      setAttribute(button, "title", able ? this.helps.get(value) : `${this.helps.get(value)}: ${since}`);
    }
  }

  draw(chosen: Value): void {
    for (const [value, button] of this.buttons) setAttribute(button, "aria-pressed", String(value === chosen));
  }
}
