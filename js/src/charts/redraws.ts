// Who draws when: one chart a frame, and all together never more than a small share of the time.

import { ATTENDED_MS, touched } from "./presence";

/** Part of the time that redraws of live data may take: while somebody is at the page, and while it is merely open. */
export const SHARE = { attended: 0.03, open: 0.012 };

export interface Drawable {
  /** Whether anybody could see it. */
  readonly visible: boolean;
  draw(): void;
}

/** The page's clock and frames; a test brings its own. */
export interface Stage {
  now(): number;
  frame(callback: () => void): unknown;
  wait(callback: () => void, ms: number): unknown;
  /** Call back once what this frame has changed is laid out and painted. */
  painted(callback: () => void): unknown;
  hidden(): boolean;
  /** When the page was last touched. */
  touched(): number;
}

const PAGE: Stage = {
  now: () => performance.now(),
  frame: (callback) => requestAnimationFrame(callback),
  wait: (callback, ms) => setTimeout(callback, ms),
  painted: (callback) => {
    // A message posted within a frame is handled after its layout and paint.
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      callback();
    };
    port2.postMessage(undefined);
  },
  hidden: () => document.hidden,
  touched,
};

/** Redraws what changed: at once where a person asked for it, within the share where data came. */
export class Redraws {
  /** Milliseconds spent drawing so far, and how often; benchmarks read these. */
  spent = 0;
  drawn = 0;
  private readonly waiting = new Map<Drawable, number>();
  private restUntil = 0;
  private scheduled = false;
  private hurried = false;

  constructor(private readonly stage: Stage = PAGE) {}

  /** A chart has something new to show. */
  request(chart: Drawable): void {
    if (!this.waiting.has(chart)) this.waiting.set(chart, this.stage.now());
    this.schedule();
  }

  /** A person changed how charts look: all of them are drawn in the next frame. */
  hurry(charts: Iterable<Drawable>): void {
    for (const chart of charts) this.waiting.set(chart, 0);
    this.hurried = true;
    this.scheduled = true;
    this.stage.frame(() => this.run());
  }

  /** Look again: the page or a chart came into view. */
  wake(): void {
    if (this.waiting.size) this.schedule();
  }

  /** Forget a chart. */
  drop(chart: Drawable): void {
    this.waiting.delete(chart);
  }

  private share(): number {
    return this.stage.now() - this.stage.touched() < ATTENDED_MS ? SHARE.attended : SHARE.open;
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    const rest = this.restUntil - this.stage.now();
    const next = () => this.stage.frame(() => this.run());
    if (rest > 0) this.stage.wait(next, rest);
    else next();
  }

  private run(): void {
    this.scheduled = false;
    // Nothing is drawn for nobody; `wake` comes when the page is looked at again.
    if (this.stage.hidden()) return;
    const seen = [...this.waiting].filter(([chart]) => chart.visible).sort((a, b) => a[1] - b[1]);
    if (!seen.length) return;
    const { hurried } = this;
    const due = hurried ? seen : seen.slice(0, 1);
    this.hurried = false;
    const start = this.stage.now();
    for (const [chart] of due) {
      this.waiting.delete(chart);
      chart.draw();
    }
    this.spent += this.stage.now() - start;
    this.drawn += due.length;
    // Layout and paint take longer than the script, and count as well.
    this.scheduled = true;
    this.stage.painted(() => {
      // The share is live data's: what a person asked for does not hold that up.
      if (!hurried) this.restUntil = start + (this.stage.now() - start) / this.share();
      this.scheduled = false;
      if (this.waiting.size) this.schedule();
    });
  }
}
