// Whether it is right as often as it says.

import type { AnyModel } from "@anywidget/types";

import { axis, plain } from "../charts/plain";
import { type Figure, type Frame, SmallPlot } from "../charts/small_plot";
import { colour } from "../charts/theme";
import type { Store } from "../gallery/store";
import { el, setText, show } from "../lib/dom";
import type { Calibration } from "./protocol";
import { calibrationWords, imagesWords, percent } from "./words";

const HEIGHT_PX = 196;

export class Reliability {
  readonly element: HTMLElement;
  private readonly plot: SmallPlot;
  private readonly words = el("p", { class: "nbft-note" });

  constructor(private readonly model: AnyModel, store: Store, signal: AbortSignal) {
    this.plot = new SmallPlot(store.plotly, (frame) => {
      const calibration = this.model.get("calibration") as Partial<Calibration>;
      return calibration.bins?.length ? reliabilityFigure(calibration.bins, frame) : undefined;
    }, signal);
    const title = el("h4", { title: "Right as often as it says: dots lie on the dashed line; larger dots for more images" }, "Calibration");
    this.element = el("section", { class: "nbft-reliability", role: "group", "aria-label": "Calibration" }, title, this.plot.element, this.words);
  }

  /** `withPlot`: Plotly's turn has come. */
  draw(withPlot: boolean): void {
    const calibration = this.model.get("calibration") as Partial<Calibration>;
    const known = Boolean(calibration.bins?.length);
    show(this.element, known);
    if (!known) return;
    setText(this.words, calibrationWords(calibration as Calibration));
    if (withPlot) this.plot.draw();
  }
}

/** How often it is right over how sure it says to be. */
export function reliabilityFigure(bins: Calibration["bins"], { theme }: Frame): Figure {
  const most = Math.max(...bins.map(([, , images]) => images));
  const side = { ...axis(theme), range: [-0.02, 1.02], fixedrange: true, tickvals: [0, 0.5, 1], ticktext: ["0", "50", "100 %"] };
  const title = (text: string) => ({ text, font: { size: 11, color: theme.soft }, standoff: 4 });
  return {
    data: [
      { type: "scatter", mode: "lines", x: [0, 1], y: [0, 1], hoverinfo: "skip", line: { color: theme.soft, width: 1, dash: "dash" } },
      {
        type: "scatter", mode: "lines+markers", cliponaxis: false, x: bins.map(([says]) => says), y: bins.map(([, right]) => right),
        line: { color: colour(0), width: 1.5 },
        marker: { color: colour(0), opacity: 1, size: bins.map(([, , images]) => 4 + 9 * Math.sqrt(images / most)), line: { width: 1, color: theme.ground } },
        text: bins.map(([says, right, images]) => `says ${percent(says, 0)}: right in ${percent(right, 0)} of ${imagesWords(images)}`),
        hovertemplate: "%{text}<extra></extra>",
      },
    ],
    layout: {
      ...plain(theme), height: HEIGHT_PX, margin: { l: 52, r: 14, t: 6, b: 36 }, showlegend: false, dragmode: false,
      xaxis: { ...side, title: title("says") }, yaxis: { ...side, title: title("is right") },
    },
  };
}
