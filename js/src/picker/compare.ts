// All models side by side: recommended, filtered, drawn, listed, and timed.

import type { AnyModel } from "@anywidget/types";

import { follow } from "../lib/asking";
import { el, setText, show } from "../lib/dom";
import type { Catalogue } from "./catalogue";
import { FilterBar, inWords } from "./filter_bar";
import { type Filters, inTheWay, NO_FILTERS, type Order, ordered, passing } from "./filters";
import { MeasuringBar } from "./measuring";
import type { CardFacts, Outlook, Row } from "./protocol";
import { RecommendedView } from "./recommended";
import { Scatter } from "./scatter";
import { ModelTable } from "./table";

export class Compare {
  readonly element: HTMLElement;
  private readonly bar = new FilterBar((filters) => this.filter(filters));
  private readonly recommended: RecommendedView;
  private readonly scatter: Scatter;
  private readonly table: ModelTable;
  private readonly measuring: MeasuringBar;
  private readonly network = el("p", { class: "nbft-offline", role: "status" });
  private readonly nothing = el("p", { class: "nbft-nothing", role: "status" });
  private readonly error = el("p", { class: "nbft-error", role: "alert", hidden: true });
  private filters: Filters = NO_FILTERS;
  private order: Order = { key: "top1", down: true };
  private shortlist: ReadonlySet<string> = new Set();
  private passed: readonly Row[] = [];
  private sorted: readonly Row[] = [];
  private sortedBy = "";
  /** Asked for and not answered yet. */
  private hoped: Row | undefined;

  /** `done`: what closes the window that it lies in, if it does. */
  constructor(private readonly model: AnyModel, private readonly catalogue: Catalogue, signal: AbortSignal, done?: () => void) {
    this.recommended = new RecommendedView(catalogue.ask);
    this.scatter = new Scatter(catalogue, (row) => void this.choose(row, true), signal);
    this.table = new ModelTable({
      choose: (row) => void this.choose(row, false),
      shortlist: (row, on) => this.list(row, on),
      sort: (order) => this.sort(order),
    }, signal);
    const clear = () => {
      this.shortlist = new Set();
      this.draw();
    };
    this.measuring = new MeasuringBar(catalogue.ask, clear, done);
    const lists = el("div", { class: "nbft-compare-lists" }, this.scatter.element, this.table.element, this.nothing);
    this.element = el("div", { class: "nbft-compare" },
      this.network, this.recommended.element, this.bar.element, lists, this.error, this.measuring.element);
    catalogue.listen("rows", () => this.refilter(), signal);
    this.refilter();
    follow(model, signal, ["card", "outlook"], () => this.draw());
  }

  /** Look for words, as if they had been typed into the filters. */
  search(words: string): void {
    this.bar.take({ ...this.filters, words });
  }

  focus(): void {
    this.bar.focus();
  }

  private filter(filters: Filters): void {
    this.filters = filters;
    this.refilter();
  }

  private refilter(): void {
    const { rows, index } = this.catalogue;
    this.passed = passing(rows, index, this.filters);
    this.sortedBy = "";
    this.bar.draw(this.passed.length, rows.length);
    this.explain();
    this.draw();
  }

  private sort(order: Order): void {
    this.order = order;
    this.draw();
  }

  private list(row: Row, on: boolean): void {
    const names = new Set(this.shortlist);
    if (on) names.add(row.name);
    else names.delete(row.name);
    this.shortlist = names;
    this.draw();
  }

  private async choose(row: Row, reveal: boolean): Promise<void> {
    this.hoped = row;
    this.draw();
    if (reveal) this.table.reveal(row);
    const error = await this.catalogue.ask("choose", row.name);
    if (this.hoped === row) this.hoped = undefined;
    show(this.error, Boolean(error), error);
    this.draw();
  }

  private draw(): void {
    const card = (this.model.get("card") ?? {}) as CardFacts;
    const outlook = (this.model.get("outlook") ?? {}) as Outlook;
    const speeds = outlook.speeds ?? {};
    const chosen = this.hoped ?? this.catalogue.row(card.name ?? "");
    const offline = outlook.network === "offline";
    show(this.network, offline, "No network: models whose weights are here come first, others can’t be downloaded now.");
    this.recommended.draw(outlook, chosen?.name ?? "");
    const shown = { chosen, shortlist: this.shortlist, speeds };
    this.resort(speeds, offline);
    this.scatter.draw({ ...shown, rows: this.passed });
    this.table.draw({ ...shown, rows: this.sorted, order: this.order });
    this.measuring.draw(chosen, this.hoped ? {} : card, this.shortlist, outlook);
  }

  /** Only where it may have changed: an unmoved list keeps its place. */
  private resort(speeds: Record<string, number>, offline: boolean): void {
    const by = JSON.stringify([this.order, offline, this.order.key === "speed" ? speeds : 0]);
    if (by === this.sortedBy) return;
    this.sortedBy = by;
    this.sorted = ordered(this.passed, this.order, speeds, offline);
  }

  /** Say what to do where nothing is left. */
  private explain(): void {
    const { rows, index, trouble } = this.catalogue;
    if (!rows.length) {
      show(this.nothing, true, trouble || "The list of models is coming…");
      return;
    }
    show(this.nothing, !this.passed.length);
    if (this.passed.length) return;
    const way = inTheWay(rows, index, this.filters);
    if (!way) setText(this.nothing, "No model passes these filters, nor if any one of them went.");
    else {
      const button = el("button", { class: "nbft-text-button", type: "button" }, "Take it off");
      button.addEventListener("click", () => this.bar.take({ ...this.filters, [way.name]: NO_FILTERS[way.name] }));
      this.nothing.replaceChildren(`No model passes these filters; without ${inWords(way.name, this.filters)} there would be ${way.left}. `, button);
    }
  }
}
