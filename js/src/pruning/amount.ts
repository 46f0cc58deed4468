// The slider itself: an amount in whole hundredths, told to the kernel when the hand rests.

import { el, newId, setAttribute, setText, show } from "../lib/dom";
import { Segments } from "../lib/segments";
import { END, held, mostOf } from "./board";
import type { Board, State, Target } from "./protocol";
import { goes, part, TARGETS } from "./words";

export class AmountBar {
  readonly head: HTMLElement;
  readonly element: HTMLElement;
  private readonly slider: HTMLInputElement;
  private readonly value = el("output", { class: "nbft-pruning-value" });
  private readonly words = el("span", { class: "nbft-pruning-goes" });
  private readonly targets: Segments<Target>;
  private readonly floor = el("p", { class: "nbft-note nbft-pruning-floor", "aria-live": "polite", hidden: true });
  private readonly error = el("p", { class: "nbft-error", hidden: true });
  private board: Board = {};
  private state: Pick<State, "method" | "target"> = { method: "structured", target: "macs" };

  constructor(slide: (amount: number, done: boolean) => void, target: (target: Target) => void) {
    const id = newId("amount");
    this.error.id = `${id}-error`;
    this.slider = el("input", { id, class: "nbft-slider", type: "range", min: "0", max: String(END), step: "0.01" });
    this.targets = new Segments("Amount of", TARGETS, target);
    this.head = el("div", { class: "nbft-pruning-head" },
      el("div", {}, el("label", { for: id }, "Pruning amount"), el("div", { class: "nbft-pruning-big" }, this.value, " ", this.words)),
      this.targets.element);
    this.element = el("div", { class: "nbft-pruning-slide" }, this.slider, this.floor, this.error);
    this.slider.addEventListener("input", () => slide(this.clamped(), false));
    this.slider.addEventListener("change", () => slide(this.clamped(), true));
  }

  get amount(): number {
    return Number(this.slider.value);
  }

  /** What the kernel says; the amount only where no hand holds it. */
  draw(state: State, board: Board, amount: number): void {
    this.board = board;
    this.state = state;
    this.targets.draw(state.target);
    // Past the end of the track, where all of it can be had.
    this.slider.style.setProperty("--nbft-most", mostOf(board) < END ? String(mostOf(board) / END) : "1.1");
    show(this.targets.element, state.method !== "unstructured");
    const error = state.errors["amount"] ?? "";
    show(this.error, Boolean(error), error);
    setAttribute(this.slider, "aria-invalid", error ? "true" : undefined);
    setAttribute(this.slider, "aria-describedby", error ? this.error.id : undefined);
    this.move(amount);
  }

  move(amount: number): void {
    if (this.slider.valueAsNumber !== amount) this.slider.value = String(amount);
    this.slider.style.setProperty("--nbft-part", String(amount / END));
    setText(this.value, part(amount));
    const words = goes(this.state.method, this.state.target);
    setText(this.words, words);
    setAttribute(this.slider, "aria-valuetext", `${part(amount)} ${words}`);
  }

  /** Where the slider stops, which it says. */
  private clamped(): number {
    const wanted = this.slider.valueAsNumber;
    const amount = held(this.board, wanted);
    const stopped = amount < wanted - 1e-9;
    show(this.floor, stopped, stopped ? `${part(mostOf(this.board))} is the most that can go: a tenth of every layer stays, and what is protected` : "");
    return amount;
  }
}
