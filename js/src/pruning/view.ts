// One view of the slider: figures follow the hand, out of the board that the kernel sent ahead.

import type { AnyModel } from "@anywidget/types";

import { type Ask, asker, follow } from "../lib/asking";
import { Dialog } from "../lib/dialog";
import { el, OWN_KEYS, setText, show } from "../lib/dom";
import { PlotlyScript } from "../lib/plotly_script";
import { AmountBar } from "./amount";
import { Choices } from "./choices";
import { Curve } from "./curve";
import { Layers } from "./layers";
import { OutcomeView } from "./outcome";
import { type Board, isOf, type Latency, type Layer, type Outcome, type Point, type State } from "./protocol";
import { Recovery } from "./recovery";
import { Stage } from "./stage";
import { Table } from "./table";

/** The kernel is told where the slider stands once the hand has rested so long. */
const REST_MS = 150;

export class SliderView {
  private readonly ask: Ask;
  private readonly bar: AmountBar;
  private readonly curve: Curve;
  private readonly stage: Stage;
  private readonly table = new Table();
  private readonly choices: Choices;
  private readonly recovery: Recovery;
  private readonly outcome: OutcomeView;
  private readonly layers: Layers;
  private readonly layersTitle = el("span", {});
  private layersBox: HTMLElement = el("div", {});
  private readonly figures: HTMLElement;
  private room: HTMLElement = el("div", {});
  /** Where the hand has put the slider; undefined once the kernel has taken it. */
  private sliding: number | undefined;
  private soon: ReturnType<typeof setTimeout> | undefined;
  private asked = 0;

  constructor(private readonly model: AnyModel, root: HTMLElement, signal: AbortSignal) {
    this.ask = asker(model, signal);
    const compact = Boolean(model.get("compact"));
    const slide = (amount: number, done: boolean) => this.slide(amount, done);
    this.bar = new AmountBar(slide, (target) => this.act("target", target));
    this.curve = new Curve(new PlotlyScript(model, this.ask, signal), slide, signal);
    this.stage = new Stage(this.curve, {
      study: () => this.act("study"), cancel: () => this.act("cancel_study"), weights: () => this.act("method", "unstructured"),
    });
    const act = (name: string, value?: unknown) => this.act(name, value);
    [this.choices, this.recovery, this.layers] = [new Choices(act), new Recovery(act), new Layers(act)];
    this.outcome = new OutcomeView(compact ? () => this.act("open_outcome") : undefined);
    this.figures = el("div", { class: "nbft-pruning-figures" }, this.table.element, this.recovery.time);
    this.lay(root, compact, signal);
    follow(model, signal, ["state", "board", "points", "latencies", "outcome"], () => this.draw());
    follow(model, signal, ["layers"], () => this.drawLayers());
    signal.addEventListener("abort", () => clearTimeout(this.soon));
  }

  private lay(root: HTMLElement, compact: boolean, signal: AbortSignal): void {
    const title = el("h3", { class: "nbft-title" }, this.model.get("title") as string);
    const main = el("div", { class: "nbft-pruning-main" },
      this.bar.head, this.stage.element, this.bar.element, this.stage.foot);
    const choices = el("div", { class: "nbft-pruning-choices" }, this.choices.methods, this.choices.more);
    const doing = el("div", { class: "nbft-pruning-doing" }, this.recovery.element, this.outcome.element);
    this.room = el("div", { class: "nbft-pruning-parts" }, main, this.figures, choices, doing);
    const panel = el("section", {
      class: `nbft-panel nbft-pruning${compact ? " nbft-pruning-compact" : ""}`, role: "region", "aria-label": this.model.get("region") as string, ...OWN_KEYS,
    }, title, this.room);
    this.layersBox = compact ? this.dialogOf(panel, signal) : this.foldOf();
    panel.append(this.layersBox);
    root.append(el("div", { class: "nbft-pruning-box" }, panel));
  }

  private foldOf(): HTMLElement {
    const fold = el("details", { class: "nbft-more nbft-layers-fold" }, el("summary", {}, this.layersTitle), this.layers.element);
    fold.addEventListener("toggle", () => this.layers.refresh());
    return fold;
  }

  private dialogOf(panel: HTMLElement, signal: AbortSignal): HTMLElement {
    const dialog = new Dialog("Layers", "nbft-layers-dialog", this.layers.element, signal);
    const button = el("button", { class: "nbft-text-button", type: "button", "aria-haspopup": "dialog" }, this.layersTitle);
    button.addEventListener("click", () => {
      dialog.open();
      this.layers.refresh();
    });
    panel.append(dialog.element);
    return el("div", { class: "nbft-layers-open" }, button);
  }

  // What hands do.

  private slide(amount: number, done: boolean): void {
    this.sliding = amount;
    this.move(amount);
    clearTimeout(this.soon);
    this.soon = setTimeout(() => void this.tell(), done ? 0 : REST_MS);
  }

  /** Tell where the slider stands; what the kernel makes of it is drawn when it has answered the last word. */
  private async tell(): Promise<void> {
    const amount = this.sliding;
    if (amount === undefined) return;
    this.asked += 1;
    const number = this.asked;
    const refusal = await this.ask("amount", amount);
    if (number !== this.asked || this.sliding !== amount) return;
    this.sliding = undefined;
    this.recovery.say(refusal);
    this.draw();
  }

  private act(name: string, value?: unknown): void {
    void this.settled(name, value).then((refusal) => {
      this.recovery.say(refusal);
      // A control that was refused shows again what holds.
      if (refusal) this.draw();
    });
  }

  /** What is done is done with the amount that is seen. */
  private async settled(name: string, value: unknown): Promise<string> {
    clearTimeout(this.soon);
    if (this.sliding !== undefined) await this.tell();
    return this.ask(name, value);
  }

  // What is drawn.

  private draw(): void {
    const state = this.model.get("state") as State;
    if (!state.phase) return;
    const [board, outcome] = [this.board(), this.model.get("outcome") as Outcome];
    const points = this.points();
    const amount = this.sliding ?? state.amount;
    this.bar.draw(state, board, amount);
    this.stage.draw(state, points, outcome.accuracy !== undefined && outcome.accuracy !== null);
    this.choices.draw(state);
    this.recovery.draw(state, amount);
    this.room.dataset["phase"] = board.amounts ? "ready" : state.phase;
    this.outcome.draw(outcome);
    this.curve.draw({ board, points, outcome, amount });
    this.drawTable(amount);
    this.drawLayers();
  }

  /** Everything that depends on where the slider stands, and on nothing else. */
  private move(amount: number): void {
    this.bar.move(amount);
    this.recovery.move(amount);
    this.drawTable(amount);
    this.layers.move(amount);
    this.curve.move(amount);
  }

  private drawTable(amount: number): void {
    const state = this.model.get("state") as State;
    this.table.draw({
      board: this.board(), points: this.points(), amount, method: state.method,
      latencies: this.model.get("latencies") as Latency[],
    });
    // Figures of another axis or method stay in sight until theirs are there.
    const board = this.model.get("board") as Board;
    this.figures.classList.toggle("nbft-pruning-stale", Boolean(board.amounts) && !isOf(board, state));
  }

  private drawLayers(): void {
    const state = this.model.get("state") as State;
    const layers = (this.model.get("layers") ?? []) as Layer[];
    const whole = layers.filter((layer) => layer.protected).length;
    show(this.layersBox, layers.length > 0 && state.method !== "unstructured");
    setText(this.layersTitle, `Layers: ${layers.length}${whole ? `, ${whole} kept whole` : ""}`);
    this.layers.draw(layers, this.board(), this.sliding ?? state.amount ?? 0);
  }

  private board(): Board {
    return (this.model.get("board") ?? {}) as Board;
  }

  private points(): Point[] {
    return (this.model.get("points") ?? []) as Point[];
  }
}
