// One view of the slider: figures follow the hand, out of the board that the kernel sent ahead.

import type { AnyModel } from "@anywidget/types";

import { asker, follow } from "../lib/asking";
import { el, OWN_KEYS, setText } from "../lib/dom";
import type { State } from "./protocol";

export class SliderView {
  constructor(model: AnyModel, root: HTMLElement, signal: AbortSignal) {
    const ask = asker(model, signal);
    const slider = el("input", { class: "nbft-slider", type: "range", min: "0", max: "0.95", step: "0.01", "aria-label": "Pruning amount" });
    const said = el("p", { class: "nbft-note", role: "status" });
    slider.addEventListener("change", () => void ask("amount", Number(slider.value)));
    root.append(el("section", { class: "nbft-panel nbft-pruning", role: "region", "aria-label": model.get("region") as string, ...OWN_KEYS },
      el("h3", { class: "nbft-title" }, model.get("title") as string), slider, said));
    follow(model, signal, ["state"], () => {
      const state = model.get("state") as State;
      slider.value = String(state.amount ?? 0.5);
      setText(said, state.said ?? "");
    });
  }
}
