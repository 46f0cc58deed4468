// Plotly for a bundle that carries none: asked of the kernel when no other bundle has brought it.

import type { AnyModel } from "@anywidget/types";

import { fetchedPlotly, type Plotly } from "../charts/shared_plotly";
import type { Ask } from "./asking";

export class PlotlyScript {
  private readonly waiting: ((script: ArrayBuffer) => void)[] = [];

  constructor(model: AnyModel, private readonly ask: Ask, signal: AbortSignal) {
    const hear = (message: { plotly?: boolean; kind?: string }, buffers: DataView[]) => {
      const [sent] = buffers;
      if ((message.plotly || message.kind === "plotly") && sent) this.take(sent);
    };
    model.on("msg:custom", hear);
    signal.addEventListener("abort", () => model.off("msg:custom", hear));
  }

  /** The library; fails with a sentence where the kernel has none to send. */
  load(): Promise<Plotly> {
    return fetchedPlotly(async () => {
      const come = new Promise<ArrayBuffer>((resolve) => this.waiting.push(resolve));
      const error = await this.ask("plotly");
      if (error) throw new Error(error);
      return come;
    });
  }

  private take({ buffer, byteOffset, byteLength }: DataView): void {
    const script = buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer;
    for (const resolve of this.waiting.splice(0)) resolve(script);
  }
}
