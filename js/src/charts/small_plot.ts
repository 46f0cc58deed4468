// One small chart by Plotly: its place is kept before the library comes, and it follows width and theme.

import { el, setText } from "../lib/dom";
import type { PlotlyScript } from "../lib/plotly_script";
import { CONFIG } from "./plain";
import type { Plotly, PlotlyElement } from "./shared_plotly";
import { onThemeChange, type Theme, themeAt } from "./theme";

export interface Frame {
  theme: Theme;
  width: number;
}

export interface Figure {
  data: object[];
  layout: { height: number } & Record<string, unknown>;
}

export class SmallPlot {
  readonly element = el("div", { class: "nbft-plot" }) as PlotlyElement;
  private plotly: Plotly | undefined;
  private asked = false;
  private drawn = "";

  /** `figure` gives nothing until there is something to draw; `press` is told the number of the point that was clicked. */
  constructor(
    private readonly script: PlotlyScript,
    private readonly figure: (frame: Frame) => Figure | undefined,
    signal: AbortSignal,
    private readonly press?: (point: number) => void,
  ) {
    onThemeChange(() => this.draw(), signal);
    const sizes = new ResizeObserver(() => this.draw());
    sizes.observe(this.element);
    signal.addEventListener("abort", () => {
      sizes.disconnect();
      this.plotly?.purge(this.element);
    });
  }

  /** Draw what is new. */
  draw(): void {
    const width = this.element.clientWidth;
    const figure = width ? this.figure({ theme: themeAt(this.element), width }) : undefined;
    if (!figure) return;
    this.element.style.height = `${figure.layout.height}px`;
    if (this.plotly) this.drawWith(this.plotly, { ...figure, layout: { ...figure.layout, width } });
    else if (!this.asked) void this.fetch();
  }

  private drawWith(plotly: Plotly, figure: Figure): void {
    const key = JSON.stringify(figure);
    if (key === this.drawn) return;
    const first = !this.drawn;
    this.drawn = key;
    if (first) this.element.replaceChildren();
    void plotly.react(this.element, figure.data, figure.layout, CONFIG);
    if (first && this.press) this.listen(this.press);
  }

  private listen(press: (point: number) => void): void {
    this.element.on("plotly_click", ({ points }) => {
      const [point] = points as { pointNumber: number }[];
      if (point) press(point.pointNumber);
    });
  }

  private async fetch(): Promise<void> {
    this.asked = true;
    try {
      this.plotly = await this.script.load();
      this.draw();
    } catch (error) {
      this.asked = false;
      setText(this.element, `The chart can’t be drawn: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}
