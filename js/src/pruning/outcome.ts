// What became of a pruning: before, cut, recovered.

import { el, setText, show } from "../lib/dom";
import type { Outcome } from "./protocol";
import { NONE, part } from "./words";

export class OutcomeView {
  readonly element: HTMLElement;
  private readonly title = el("h4", {});
  private readonly status = el("span", { class: "nbft-mark" });
  private readonly open = el("button", { class: "nbft-text-button", type: "button" }, "Show this run");
  private readonly bar = el("progress", { class: "nbft-pruning-bar", max: "1", "aria-label": "Recovery" });
  private readonly body = el("tbody", {});
  private readonly table: HTMLElement;

  /** `open`: what shows the run itself, where there is a place for it. */
  constructor(open: (() => void) | undefined) {
    const heads = ["Before", "Cut", "Recovered"].map((text) => el("th", { scope: "col" }, text));
    this.table = el("table", { class: "nbft-pruning-table", "aria-label": "Before and after" },
      el("thead", {}, el("tr", {}, el("td", {}), ...heads)), this.body);
    this.element = el("section", { class: "nbft-pruning-outcome", role: "group", "aria-label": "Pruned run", hidden: true },
      el("div", { class: "nbft-pruning-outcome-head" }, this.title, this.status, el("span", { class: "nbft-gap" }), this.open), this.bar, this.table);
    this.open.hidden = !open;
    this.open.addEventListener("click", () => open?.());
  }

  draw({ run = "", status = "", part: done = 0, rows = [], amount }: Outcome): void {
    show(this.element, Boolean(run));
    setText(this.title, amount === undefined ? "Pruned" : `Pruned by ${part(amount)}`);
    this.title.title = run;
    setText(this.status, status);
    const live = ["starting", "running", "paused"].includes(status);
    show(this.bar, live);
    this.bar.value = done;
    show(this.table, rows.length > 0);
    const cells = ({ before, cut, after }: (typeof rows)[number]) => [before, cut, after].map((text) => el("td", {}, text || NONE));
    this.body.replaceChildren(...rows.map((row) => el("tr", {}, el("th", { scope: "row" }, row.label), ...cells(row))));
  }
}
