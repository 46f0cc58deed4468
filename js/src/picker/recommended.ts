// Three models that would do, with a sentence of reason each.

import type { Ask } from "../lib/asking";
import { el, setAttribute, setText, show } from "../lib/dom";
import type { Outlook, Recommended } from "./protocol";

const ROLES: Record<Recommended["role"], string> = { fast: "Fast", balanced: "Balanced", best: "Best" };
const BUDGETS: [string, string][] = [
  ["60", "1 minute"], ["300", "5 minutes"], ["600", "10 minutes"], ["1800", "30 minutes"], ["7200", "2 hours"], ["", "any time"],
];
const USUAL_BUDGET = "600";

export class RecommendedView {
  readonly element: HTMLElement;
  private readonly budget = el("select", { class: "nbft-input nbft-budget", "aria-label": "Time for training" },
    ...BUDGETS.map(([value, label]) => el("option", { value, selected: value === USUAL_BUDGET }, label)));
  private readonly button = el("button", { class: "nbft-button nbft-small", type: "button" }, "Recommend three");
  private readonly said = el("span", { class: "nbft-soft", "aria-live": "polite" });
  private readonly cards = el("div", { class: "nbft-recommended-cards" });
  private drawn = "";

  constructor(private readonly ask: Ask) {
    const row = el("div", { class: "nbft-recommend-row" },
      this.button, el("label", { class: "nbft-soft" }, "that train in ", this.budget), this.said);
    this.element = el("section", { class: "nbft-recommended", role: "group", "aria-label": "Recommended" }, row, this.cards);
    this.button.addEventListener("click", () => void this.recommend());
  }

  draw({ recommended = [], recommending = false, said = "" }: Outlook, chosen: string): void {
    setAttribute(this.button, "disabled", recommending);
    setText(this.button, recommending ? "Looking…" : recommended.length ? "Recommend again" : "Recommend three");
    setText(this.said, said);
    show(this.cards, recommended.length > 0);
    const key = JSON.stringify([recommended, chosen]);
    if (key === this.drawn) return;
    this.drawn = key;
    this.cards.replaceChildren(...recommended.map((one) => this.card(one, one.name === chosen)));
  }

  private card({ role, name, why }: Recommended, chosen: boolean): HTMLElement {
    const card = el("button", { class: "nbft-recommendation", type: "button", "aria-pressed": String(chosen), "data-role": role },
      el("span", { class: "nbft-recommended-role" }, ROLES[role] ?? role),
      el("span", { class: "nbft-recommended-name" }, name),
      el("span", { class: "nbft-recommended-why" }, why));
    card.addEventListener("click", () => void this.take(role));
    return card;
  }

  private async recommend(): Promise<void> {
    setText(this.said, "");
    const error = await this.ask("recommend", this.budget.value ? Number(this.budget.value) : null);
    if (error) setText(this.said, error);
  }

  private async take(role: string): Promise<void> {
    const error = await this.ask("take", role);
    setText(this.said, error);
  }
}
