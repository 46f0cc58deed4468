// One view of a preview: its parts, laid out by the width that they have.

import type { AnyModel } from "@anywidget/types";

import { ImageDialog } from "../gallery/dialog";
import { photos } from "../gallery/display";
import { Footer } from "../gallery/footer";
import { Grid, type Host } from "../gallery/grid";
import { type About, fileName, type OnShow, type Row } from "../gallery/protocol";
import type { Store } from "../gallery/store";
import { follow } from "../lib/asking";
import { el, OWN_KEYS, setAttribute, setText } from "../lib/dom";
import { Charts } from "./charts";
import { Findings } from "./findings";
import type { LensState, Scan } from "./protocol";
import { strips } from "./strips";
import { Toolbar } from "./toolbar";

/** From this width on, findings and charts stand open beside the pictures. */
const WIDE_PX = 480;

export class PreviewView {
  private readonly grid: Grid;
  private readonly summary = el("summary", {});
  private readonly details = el("details", { class: "nbft-preview-side" }, this.summary);
  private question = "";

  constructor(model: AnyModel, store: Store, root: HTMLElement, signal: AbortSignal) {
    const footer = new Footer(model, store);
    const say = (error: string) => footer.say(error);
    const toolbar = new Toolbar(model, store, say, signal);
    const dialog = new ImageDialog(model, store, (place) => this.grid.turnTo(place), signal);
    this.grid = new Grid(model, store, { ...looks(model, store), open: (place) => void dialog.open(place), say }, signal);
    const findings = new Findings(model, store, say, signal);
    const charts = new Charts(model, store, (label) => void this.choose(store, label, say), signal);
    this.details.append(findings.element, charts.element);
    this.details.addEventListener("toggle", () => charts.draw());
    const pictures = el("div", { class: "nbft-preview-pictures" }, this.grid.element, footer.element);
    const body = el("div", { class: "nbft-preview-body" }, pictures, this.details);
    const region = { class: "nbft-panel nbft-preview", role: "region", "aria-label": "Dataset preview", ...OWN_KEYS };
    const panel = el("section", region, toolbar.element, body, dialog.element);
    root.append(el("div", { class: "nbft-preview-box" }, panel));
    this.foldByWidth(panel, signal);
    follow(model, signal, ["about", "on_show", "lens", "found"], () => toolbar.draw());
    follow(model, signal, ["about", "on_show", "found", "scan"], () => {
      findings.draw();
      setText(this.summary, `${findings.inWords()}, charts`);
    });
    follow(model, signal, ["about", "selected", "last_edit"], () => footer.draw());
    follow(model, signal, ["about", "on_show", "last_edit"], () => dialog.draw());
    follow(model, signal, ["about", "on_show", "selected", "lens"], () => this.drawGrid(model));
    // The first pictures before the charts, whose library takes a moment to be read.
    const afterPictures = () => setTimeout(() => charts.draw());
    store.listen("pictures", afterPictures, signal);
    follow(model, signal, ["about", "scan"], () => store.heardAt && charts.draw());
  }

  private drawGrid(model: AnyModel): void {
    const question = JSON.stringify((model.get("on_show") as OnShow).query);
    if (this.question && question !== this.question) this.grid.rewind();
    this.question = question;
    this.grid.schedule();
  }

  private async choose(store: Store, label: string, say: (error: string) => void): Promise<void> {
    say(await store.ask("ask", { label }));
  }

  private foldByWidth(panel: HTMLElement, signal: AbortSignal): void {
    let wide: boolean | undefined;
    const widths = new ResizeObserver(() => {
      if (!panel.clientWidth || wide === panel.clientWidth >= WIDE_PX) return;
      wide = panel.clientWidth >= WIDE_PX;
      setAttribute(this.details, "open", wide);
      this.details.classList.toggle("nbft-unfolded", wide);
    });
    widths.observe(panel);
    signal.addEventListener("abort", () => widths.disconnect());
  }
}

/** How the images lie in the grid, which a person chooses. */
function looks(model: AnyModel, store: Store): Pick<Host, "display" | "nothing"> {
  const about = () => model.get("about") as About;
  const lens = () => model.get("lens") as LensState;
  const label = (number: number) => about().classes[number]?.[0] ?? "";
  const wordsOf = ([, name, number]: Row) => {
    const { query } = model.get("on_show") as OnShow;
    return { label: label(number), caption: query.label ? fileName(name) : label(number) };
  };
  const [asPhotos, asModel] = [photos(store, wordsOf), strips(store, label, () => lens().stamp)];
  const nothing = ({ complete, total }: About) => {
    if (!complete) return "The images are being listed.";
    const { state } = model.get("scan") as Scan;
    return state === "running" || total ? "No image fits the search." : "There are no images.";
  };
  return { display: () => (lens().on ? asModel : asPhotos), nothing };
}
