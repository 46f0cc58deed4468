// Now and after: the figures of the model at the slider's position.

import { el, setText, show } from "../lib/dom";
import { count } from "../lib/wording";
import { latencyAt, measuredAt, standingAt, type Standing } from "./board";
import type { Board, Latency, Method, Point } from "./protocol";
import { accuracy, counts, faster, less, NONE, part, points as lost, sizes, span, times } from "./words";

/** All that the table is made of. */
export interface Known {
  board: Board;
  points: readonly Point[];
  latencies: readonly Latency[];
  method: Method;
  amount: number;
}

interface Cells {
  now: string;
  after: string;
  change: string;
  /** It was computed from measurements nearby, not measured. */
  guessed?: boolean;
}

const ROWS = ["Accuracy", "Parameters", "MACs", "File size", "Weights at zero", "Time, 1 image", "Time, 32 images"] as const;
type RowName = (typeof ROWS)[number];

export class Table {
  readonly element: HTMLElement;
  private readonly rows: Record<RowName, RowView>;
  private readonly how = el("td", { class: "nbft-pruning-how", colspan: "4" });
  private readonly howRow = el("tr", {}, this.how);

  constructor() {
    this.rows = Object.fromEntries(ROWS.map((name) => [name, new RowView(name)])) as Record<RowName, RowView>;
    const heads = ["Now", "After the cut", ""].map((text) => el("th", { scope: "col" }, text));
    const body = ROWS.flatMap((name) => [this.rows[name].element, ...(name === "Accuracy" ? [this.howRow] : [])]);
    this.element = el("table", { class: "nbft-pruning-table", "aria-label": "Now and after" },
      el("thead", {}, el("tr", {}, el("td", {}), ...heads)), el("tbody", {}, ...body));
  }

  draw(known: Known): void {
    const { board, amount, method } = known;
    const standing = standingAt(board, amount);
    const { whole } = board;
    const cells: Record<RowName, Cells> = {
      Accuracy: accuracyCells(known, standing),
      Parameters: counted(whole?.parameters ?? null, standing.parameters, counts),
      MACs: counted(whole?.macs ?? null, standing.macs, counts),
      "File size": counted(whole?.bytes ?? null, standing.bytes, sizes),
      "Weights at zero": zeroCells(standing.zeros, amount),
      "Time, 1 image": timeCells(known, 1),
      "Time, 32 images": timeCells(known, 32),
    };
    for (const name of ROWS) this.rows[name].draw(cells[name]);
    // Single weights at zero change nothing else that could be told before recovery.
    const zeros = method === "unstructured";
    for (const name of ROWS) show(this.rows[name].element, zeros === (name === "Weights at zero"));
    show(this.howRow, !zeros);
    setText(this.how, howKnown(known, standing));
  }
}

class RowView {
  readonly element: HTMLElement;
  private readonly now = el("td", {});
  private readonly after = el("td", { class: "nbft-pruning-after" });
  private readonly change = el("td", { class: "nbft-pruning-change" });

  constructor(name: string) {
    this.element = el("tr", {}, el("th", { scope: "row" }, name), this.now, this.after, this.change);
  }

  draw({ now, after, change, guessed = false }: Cells): void {
    setText(this.now, now);
    setText(this.after, after);
    setText(this.change, change);
    this.after.classList.toggle("nbft-pruning-guessed", guessed && after !== NONE);
  }
}

function counted(now: number | null, after: number | null, text: typeof counts): Cells {
  const [one, other] = text(now, after);
  return { now: one, after: other, change: less(now, after) };
}

function accuracyCells({ board, points, amount }: Known, standing: Standing): Cells {
  const now = board.whole?.accuracy ?? null;
  const measured = amount === 0 ? now : measuredAt(points, amount)?.[1] ?? null;
  const after = measured ?? standing.accuracy;
  return { now: accuracy(now), after: accuracy(after), change: lost(now, after), guessed: measured === null };
}

function zeroCells(zeros: number | null, amount: number): Cells {
  const [after] = counts(zeros, null);
  return { now: zeros === null ? NONE : "0", after, change: zeros === null ? "" : part(amount) };
}

function timeCells({ latencies, amount }: Known, batch: number): Cells {
  const { before, after, exact } = latencyAt(latencies, batch, amount);
  const [now, then] = times(before, after);
  return { now, after: then, change: faster(before, after), guessed: !exact };
}

/** How the accuracy is known, in the line under it. */
function howKnown({ board, points, amount }: Known, { accuracy: predicted, low, high }: Standing): string {
  if (!board.whole) return "not measured yet";
  const measured = measuredAt(points, amount);
  const images = measured?.[2] ?? board.whole.images;
  if (measured || amount === 0) return `measured on ${count(images)} images`;
  if (predicted === null) return "not measured yet";
  return ["predicted", span(low, high)].filter(Boolean).join(": ");
}
