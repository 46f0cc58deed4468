// How it is cut: what goes, and by which measure the least important is found.

import { el, newId, setAttribute, show } from "../lib/dom";
import { Segments } from "../lib/segments";
import type { Method, State } from "./protocol";
import { METHODS } from "./words";

type Act = (name: string, value: unknown) => void;

export class Choices {
  readonly methods: HTMLElement;
  readonly more: HTMLElement;
  private readonly method: Segments<Method>;
  private readonly criterion: HTMLSelectElement;
  private readonly help = el("p", { class: "nbft-note" });
  private readonly uniform = el("input", { class: "nbft-check", type: "checkbox" });
  private readonly error = el("p", { class: "nbft-error", role: "alert", hidden: true });
  private known = "";

  constructor(act: Act) {
    this.method = new Segments("What goes", METHODS, (method) => act("method", method));
    this.methods = el("div", { class: "nbft-pruning-line" }, el("span", { class: "nbft-pruning-name" }, "What goes"), this.method.element);
    const [criterion, uniform] = [newId("criterion"), newId("uniform")];
    this.criterion = el("select", { id: criterion, class: "nbft-input" });
    this.uniform.id = uniform;
    this.criterion.addEventListener("change", () => act("criterion", this.criterion.value));
    this.uniform.addEventListener("change", () => act("uniform", this.uniform.checked));
    this.more = el("details", { class: "nbft-more" }, el("summary", {}, "How it is judged"),
      el("div", { class: "nbft-pruning-line" }, el("label", { for: criterion, class: "nbft-pruning-name" }, "Importance by"), this.criterion),
      this.help,
      el("label", { for: uniform, class: "nbft-pruning-tick", title: "Rather than the least important channels of the whole model" }, this.uniform, "the same part of every layer"),
      this.error);
  }

  draw(state: State): void {
    this.method.draw(state.method);
    show(this.more, state.method !== "unstructured");
    const key = JSON.stringify(state.criteria);
    if (key !== this.known) {
      this.known = key;
      this.criterion.replaceChildren(...state.criteria.map(([value, label, help]) => el("option", { value, title: help }, label)));
    }
    if (this.criterion.value !== state.criterion) this.criterion.value = state.criterion;
    const help = state.criteria.find(([name]) => name === state.criterion)?.[2] ?? "";
    show(this.help, Boolean(help), help);
    this.uniform.checked = state.uniform;
    const wrong = ["method", "target", "criterion", "uniform"].map((name) => state.errors[name]).filter(Boolean).join(" ");
    show(this.error, Boolean(wrong), wrong);
    if (wrong) setAttribute(this.more, "open", true);
  }
}
