// Controls that set a trait of the model, and follow it where another view sets it.

import type { AnyModel } from "@anywidget/types";

import { el } from "../lib/dom";

/** A box to tick. */
export function checkbox(model: AnyModel, trait: string, text: string, signal: AbortSignal, name = text): HTMLElement {
  const input = el("input", { type: "checkbox", "aria-label": name });
  bind(model, trait, signal, input, "change", () => input.checked, (value) => (input.checked = Boolean(value)));
  return el("label", {}, input, text);
}

/** A slider for how much of the past weighs; its scale is finer where that matters, towards 1. */
export function slider(model: AnyModel, trait: string, text: string, signal: AbortSignal): HTMLElement {
  const input = el("input", { type: "range", min: "0", max: "1", step: "0.01", "aria-label": text });
  const words = (value: number) => input.setAttribute("aria-valuetext", value.toFixed(3));
  bind(model, trait, signal, input, "input", () => weight(Number(input.value)), (value) => {
    input.value = String(place(Number(value)));
    words(Number(value));
  });
  return el("label", {}, text, input);
}

/** From the slider's place (0 to 1) to a weight (0 to 0.999), and back. */
export function weight(place: number): number {
  return Math.min(0.999, 1 - 10 ** (-3 * place));
}

export function place(value: number): number {
  return -Math.log10(1 - Math.min(0.999, value)) / 3;
}

function bind(
  model: AnyModel, trait: string, signal: AbortSignal, input: HTMLInputElement, event: string,
  read: () => unknown, write: (value: unknown) => void,
): void {
  const follow = () => write(model.get(trait));
  input.addEventListener(event, () => {
    model.set(trait, read());
    model.save_changes();
  }, { signal });
  model.on(`change:${trait}`, follow);
  signal.addEventListener("abort", () => model.off(`change:${trait}`, follow));
  follow();
}
