// The folds of a cross-validation in a table, and their mean; Python says every figure.

import type { AnyModel, RenderProps } from "@anywidget/types";

import { colour } from "./charts/theme";
import { type Ask, asker, follow } from "./lib/asking";
import { el, OWN_KEYS, setAttribute, show } from "./lib/dom";
import { hideSaved } from "./lib/saved";

interface Row {
  name: string;
  place: number | null;
  said: string;
  epoch: string;
  values: string[];
}

interface Button {
  name: string;
  label: string;
  help: string;
}

interface State {
  status?: string;
  note?: string;
  error?: string;
  columns?: string[];
  rows?: Row[];
  mean?: [string, string][];
  buttons?: Button[];
}

function render({ model, el: root, signal: given }: RenderProps & { signal?: AbortSignal }) {
  hideSaved(model, root);
  const ending = new AbortController();
  const signal = given ?? ending.signal;
  new TableView(model, root, signal);
  return () => ending.abort();
}

class TableView {
  private readonly word = el("span", { class: "nbft-fold-word", role: "status" });
  private readonly note = el("span", { class: "nbft-fold-note" });
  private readonly buttons = el("span", { class: "nbft-fold-buttons" });
  private readonly error = el("p", { class: "nbft-error", role: "alert" });
  private readonly table = el("table", { class: "nbft-folds", "aria-label": "Folds" });
  private readonly ask: Ask;

  constructor(private readonly model: AnyModel, root: HTMLElement, signal: AbortSignal) {
    this.ask = asker(model, signal);
    const head = el("div", { class: "nbft-fold-head" }, el("h3", { class: "nbft-title" }, "Cross-validation"), this.word, this.note, this.buttons);
    const box = el("div", { class: "nbft-folds-box" }, this.table);
    const region = { class: "nbft-panel", role: "region", "aria-label": "Cross-validation", ...OWN_KEYS };
    root.append(el("section", region, head, this.error, box));
    follow(model, signal, ["state"], () => this.draw());
  }

  private draw(): void {
    const state = this.model.get("state") as State;
    show(this.word, Boolean(state.status), state.status ?? "");
    setAttribute(this.word, "data-status", state.status);
    show(this.note, true, state.note ?? "");
    show(this.error, Boolean(state.error), state.error ?? "");
    this.table.replaceChildren(
      el("thead", {}, headRow(state.columns ?? [])),
      el("tbody", {}, ...(state.rows ?? []).map(foldRow)),
      el("tfoot", {}, meanRow(state.mean ?? [])),
    );
    this.drawButtons(state.buttons ?? []);
  }

  private drawButtons(buttons: Button[]): void {
    const shown = [...this.buttons.children].map((button) => button.getAttribute("name")).join();
    if (shown === buttons.map((button) => button.name).join()) return;
    this.buttons.replaceChildren(
      ...buttons.map(({ name, label, help }) => {
        const button = el("button", { class: "nbft-button nbft-small", type: "button", name, title: help }, label);
        button.addEventListener("click", () => void this.press(name));
        return button;
      }),
    );
  }

  private async press(name: string): Promise<void> {
    const error = await this.ask(name);
    if (error) show(this.error, true, error);
  }
}

function headRow(columns: string[]): HTMLTableRowElement {
  const figures = ["Best epoch", ...columns].map((name) => el("th", { scope: "col" }, name));
  return el(
    "tr",
    {},
    el("th", { scope: "col", class: "nbft-fold-said" }, "Fold"),
    el("th", { scope: "col", class: "nbft-fold-state" }, "Status"),
    ...figures,
  );
}

function foldRow(row: Row): HTMLTableRowElement {
  const key = el("span", { class: "nbft-fold-key", "aria-hidden": "true" });
  // The colour that the charts give its run.
  if (row.place !== null) key.style.background = colour(row.place);
  const figures = [row.epoch, ...row.values].map((value) => el("td", {}, value || "–"));
  return el(
    "tr",
    { class: row.epoch ? undefined : "nbft-fold-open" },
    el("th", { scope: "row", class: "nbft-fold-said" }, key, row.name),
    el("td", { class: "nbft-fold-state", title: row.said }, row.said),
    ...figures,
  );
}

function meanRow(mean: [string, string][]): HTMLTableRowElement {
  const head = el("th", { scope: "row", colspan: "3", class: "nbft-fold-said" }, "Mean ± sample deviation");
  const cells = mean.map(([value, deviation]) =>
    el("td", {}, el("span", {}, value || "–"), ...(deviation ? [" ", el("span", { class: "nbft-fold-deviation" }, `± ${deviation}`)] : [])),
  );
  return el("tr", {}, head, ...cells);
}

export default { render };
