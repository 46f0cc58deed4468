// One view of a picker: search, card, what is trained, and on demand everything else.

import type { AnyModel } from "@anywidget/types";

import { follow } from "../lib/asking";
import { el, OWN_KEYS, setAttribute, show } from "../lib/dom";
import { type Field, FieldView } from "../lib/field";
import { Card } from "./card";
import type { Catalogue } from "./catalogue";
import { TrainChoices } from "./choices";
import { Compare } from "./compare";
import { Dialog } from "../lib/dialog";
import { FileChooser } from "./files";
import { type CardFacts, CHECKPOINT, type Choices, MODEL, type Outlook, type State, unfielded } from "./protocol";
import { SearchBox } from "./search_box";

/** The catalogue is fetched when the page has nothing better to do, at the latest after this. */
const PATIENCE_MS = 3000;
/** Who compares sees what is here and whether the hub answers by now, not as it was when the page opened. */
const STALE_MS = 60_000;

export class PickerView {
  private readonly fields: FieldView[];
  private readonly search: SearchBox;
  private readonly card = new Card();
  private readonly choices: TrainChoices;
  private readonly network = el("span", { class: "nbft-mark nbft-mark-offline", role: "status", title: "The hub can’t be reached: only weights that are here can be used" }, "no network");
  private readonly more = el("details", { class: "nbft-more" }, el("summary", {}, "More"));
  private readonly mark = el("span", { class: "nbft-mark" }, "next run");
  private readonly panel: HTMLElement;
  private compare: Compare | undefined;
  private dialog: Dialog | undefined;
  private chooser: FileChooser | undefined;

  constructor(private readonly model: AnyModel, private readonly catalogue: Catalogue, root: HTMLElement, private readonly signal: AbortSignal) {
    const fields = model.get("fields") as Field[];
    const compact = Boolean(model.get("compact"));
    const searched = fields.find(({ name }) => name === MODEL) ?? unfielded(MODEL, "Architecture");
    this.search = new SearchBox(searched, catalogue, (words) => this.openCompare(words), signal);
    this.choices = new TrainChoices(catalogue.ask);
    this.fields = fields.filter(({ name }) => name !== MODEL).map((field) => new FieldView(field, catalogue.ask, false));
    this.panel = el("section", {
      class: "nbft-panel nbft-picker", role: "region", "aria-label": model.get("region") as string, ...OWN_KEYS,
    });
    this.lay(compact);
    root.append(el("div", { class: "nbft-picker-box" }, this.panel));
    follow(model, signal, ["state", "outlook"], () => this.draw());
    follow(model, signal, ["card"], () => this.card.draw((model.get("card") ?? {}) as CardFacts));
    follow(model, signal, ["choices"], () => this.choices.draw((model.get("choices") ?? {}) as Choices));
    this.fetchLater(compact);
  }

  private lay(compact: boolean): void {
    const [usual, rare] = [el("div", { class: "nbft-fields" }), el("div", { class: "nbft-fields" })];
    for (const view of this.fields) {
      (view.field.rare ? rare : usual).append(view.element);
      if (view.field.name === CHECKPOINT) this.addBrowse(view);
    }
    show(usual, usual.childElementCount > 0);
    show(this.more, rare.childElementCount > 0);
    this.more.append(rare);
    const title = el("h3", { class: "nbft-title" }, this.model.get("title") as string, el("span", { class: "nbft-gap" }), this.network, this.mark);
    const main = el("div", { class: "nbft-picker-main" },
      this.search.element, this.card.element, this.choices.element, usual, this.more);
    const parts = el("div", { class: "nbft-picker-parts" }, main);
    this.panel.append(title, parts);
    if (compact) {
      const button = el("button", { class: "nbft-text-button", type: "button", "aria-haspopup": "dialog" }, "Compare models");
      button.addEventListener("click", () => this.openCompare(""));
      this.search.element.querySelector(".nbft-label")?.append(button);
    } else {
      this.compare = new Compare(this.model, this.catalogue, this.signal);
      parts.append(this.compare.element);
    }
  }

  private draw(): void {
    const state = (this.model.get("state") ?? {}) as State;
    const offline = ((this.model.get("outlook") ?? {}) as Outlook).network === "offline";
    const [values, errors, notes] = [state.values ?? {}, state.errors ?? {}, state.notes ?? {}];
    const hidden = new Set(state.hidden ?? []);
    this.search.draw({ value: String(values[MODEL] ?? ""), error: errors[MODEL] ?? "", note: notes[MODEL] ?? "", offline });
    for (const view of this.fields) {
      const { name, rare } = view.field;
      show(view.element, !hidden.has(name));
      view.draw({ value: values[name] ?? "", error: errors[name] ?? "", note: notes[name] ?? "", live: false });
      if (rare && errors[name]) setAttribute(this.more, "open", true);
    }
    show(this.mark, state.live ?? false);
    // Beside the comparison, which says it too, once is enough.
    show(this.network, offline && (!this.compare || Boolean(this.dialog)));
  }

  private openCompare(words: string): void {
    void this.catalogue.fetch(STALE_MS);
    if (!this.compare) {
      this.compare = new Compare(this.model, this.catalogue, this.signal, () => this.dialog?.close());
      this.dialog = new Dialog("Compare models", "nbft-compare-dialog", this.compare.element, this.signal);
      this.panel.append(this.dialog.element);
    }
    this.dialog?.open();
    if (words) this.compare.search(words);
    this.compare.focus();
    if (!this.dialog) this.compare.element.scrollIntoView({ block: "nearest" });
  }

  private addBrowse(view: FieldView): void {
    const button = el("button", { class: "nbft-button nbft-small nbft-browse", type: "button", "aria-haspopup": "dialog" }, "Browse…");
    view.element.querySelector(".nbft-control")?.append(button);
    button.addEventListener("click", () => {
      if (!this.chooser) {
        this.chooser = new FileChooser(this.catalogue, this.signal);
        this.panel.append(this.chooser.dialog.element);
      }
      this.chooser.open();
    });
  }

  /** After the first paint: nothing on it needs the catalogue. */
  private fetchLater(compact: boolean): void {
    const fetch = () => this.signal.aborted || void this.catalogue.fetch();
    if (!compact) requestAnimationFrame(() => setTimeout(fetch));
    else if ("requestIdleCallback" in window) requestIdleCallback(fetch, { timeout: PATIENCE_MS });
    else setTimeout(fetch, PATIENCE_MS);
  }
}
