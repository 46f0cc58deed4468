// One view of an evaluation: its parts, laid out by the width that they have.

import type { AnyModel } from "@anywidget/types";

import { ImageDialog } from "../gallery/dialog";
import { photos } from "../gallery/display";
import { Footer } from "../gallery/footer";
import { Grid } from "../gallery/grid";
import type { About, OnShow } from "../gallery/protocol";
import type { Store } from "../gallery/store";
import { follow } from "../lib/asking";
import { el, OWN_KEYS, show } from "../lib/dom";
import { AgainBar } from "./again";
import { ClassTable, type Line } from "./class_table";
import { ConfusionView } from "./confusion";
import { Explanation } from "./explanation";
import { Head } from "./head";
import type { Figure, LabelErrors, Query } from "./protocol";
import { Reliability } from "./reliability";
import { Shown } from "./shown";
import { nothingWords, wordsOf } from "./words";

/** So long the charts wait for the first pictures: their library takes a moment to be read. */
const PICTURES_FIRST_MS = 1000;
/** Height of a class and what it was taken for, below a picture. */
const CAPTION_PX = 34;
const HINT = "Click an image to open it; Ctrl+click or its check mark selects it.";

export class EvaluationView {
  private readonly head: Head;
  private readonly shown: Shown;
  private readonly grid: Grid;
  private readonly footer: Footer;
  private readonly again: AgainBar;
  private readonly dialog: ImageDialog;
  private readonly confusion: ConfusionView;
  private readonly classes: ClassTable;
  private readonly reliability: Reliability;
  private readonly body: HTMLElement;
  private question = "";
  private withCharts = false;

  constructor(private readonly model: AnyModel, private readonly store: Store, root: HTMLElement, signal: AbortSignal) {
    const act = (name: string, value?: unknown) => void this.act(name, value);
    this.head = new Head(model, () => act("renew"));
    this.shown = new Shown(model, act);
    this.footer = new Footer(model, store, () => this.query.group === "label_errors", HINT);
    this.again = new AgainBar(model, this.footer.history, () => act("train again"));
    const explanation = new Explanation(model, store, () => this.dialog.draw(), signal);
    this.dialog = new ImageDialog(model, store, (place) => this.grid.turnTo(place), signal, explanation);
    this.grid = this.newGrid(signal);
    this.confusion = new ConfusionView(model, store, (label, predicted) => act("show", { group: "cell", label, predicted }), signal);
    this.classes = new ClassTable(model, (line) => act("show", missed(line)));
    this.reliability = new Reliability(model, store, signal);
    this.body = this.laid();
    const region = { class: "nbft-panel nbft-evaluation", role: "region", "aria-label": "Evaluation", ...OWN_KEYS };
    root.append(el("div", { class: "nbft-evaluation-box" }, el("section", region, this.head.element, this.body, this.dialog.element)));
    this.follow(signal);
    this.letChartsCome(signal);
  }

  private get query(): Query {
    return (this.model.get("on_show") as OnShow<Query>).query;
  }

  private newGrid(signal: AbortSignal): Grid {
    const nameOf = (number: number) => (this.model.get("about") as About).classes[number]?.[0] ?? "";
    const display = photos(this.store, (row) => wordsOf(row, nameOf, this.query.group), CAPTION_PX);
    const nothing = ({ complete }: About) =>
      complete ? nothingWords(this.query, (this.model.get("errors") as LabelErrors).state) : "The images are being listed.";
    const open = (place: number) => void this.dialog.open(place);
    return new Grid(this.model, this.store, { display: () => display, nothing, open, say: (error) => this.footer.say(error) }, signal);
  }

  private laid(): HTMLElement {
    const pictures = el("div", { class: "nbft-evaluation-pictures" },
      this.shown.element, this.grid.element, this.footer.element, this.again.element);
    const side = el("div", { class: "nbft-evaluation-side" }, this.classes.element, this.reliability.element);
    return el("div", { class: "nbft-evaluation-body" }, this.confusion.element, pictures, side);
  }

  private follow(signal: AbortSignal): void {
    const { model } = this;
    const on = (traits: string[], draw: () => void) => follow(model, signal, traits, draw);
    on(["about", "state", "figures", "notes"], () => this.head.draw());
    // What is measured anew stays in sight meanwhile.
    on(["state", "figures"], () => show(this.body, (model.get("figures") as Figure[]).length > 0));
    on(["about", "on_show", "errors"], () => this.shown.draw());
    on(["about", "on_show", "selected", "last_edit"], () => this.footer.draw());
    on(["again", "differs", "last_edit"], () => this.again.draw());
    on(["about", "on_show", "last_edit"], () => this.dialog.draw());
    on(["about", "on_show", "selected", "errors"], () => this.drawGrid());
    on(["about", "on_show", "per_class"], () => this.classes.draw());
    on(["about", "on_show", "per_class", "confusion", "calibration"], () => this.drawCharts());
  }

  private drawGrid(): void {
    const question = JSON.stringify(this.query);
    if (this.question && question !== this.question) this.grid.rewind();
    this.question = question;
    this.grid.schedule();
  }

  private drawCharts(): void {
    this.confusion.draw(this.withCharts);
    this.reliability.draw(this.withCharts);
  }

  private letChartsCome(signal: AbortSignal): void {
    const come = () => {
      if (this.withCharts) return;
      this.withCharts = true;
      this.drawCharts();
    };
    const patience = setTimeout(come, PICTURES_FIRST_MS);
    this.store.listen("pictures", () => setTimeout(come), signal);
    signal.addEventListener("abort", () => clearTimeout(patience));
    if (this.store.heardAt) come();
  }

  private async act(name: string, value?: unknown): Promise<void> {
    this.footer.say(await this.store.ask(name, value));
  }
}

/** The question for what was missed of a class; all its images where nothing was. */
function missed({ name, recall }: Line): Query {
  return { group: recall === 1 ? "all" : "mistakes", label: name, predicted: "" };
}
