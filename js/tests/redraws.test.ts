// Redraws: never more than a share of the time, at once for a person, never for nobody.
import assert from "node:assert/strict";
import { test } from "node:test";

import { place, weight } from "../src/charts/controls";
import { roundedEnd } from "../src/charts/figure";
import { Redraws, SHARE, type Stage } from "../src/charts/redraws";

class Play implements Stage {
  time = 0;
  paint = 0;
  dark = false;
  lastTouch = Number.POSITIVE_INFINITY;
  touched = () => this.lastTouch;
  private later: [number, () => void][] = [];
  now = () => this.time;
  hidden = () => this.dark;
  frame = (callback: () => void) => this.later.push([this.time + 16, callback]);
  wait = (callback: () => void, ms: number) => this.later.push([this.time + ms, callback]);
  painted = (callback: () => void) => this.later.push([this.time + this.paint, callback]);

  until(end: number, each: () => void = () => undefined): void {
    for (; this.time < end; this.time += 1) {
      each();
      const due = this.later.filter(([at]) => at <= this.time);
      this.later = this.later.filter(([at]) => at > this.time);
      for (const [, callback] of due) callback();
    }
  }
}

class Picture {
  visible = true;
  drawn = 0;
  constructor(private readonly play: Play, private readonly cost: number) {}
  draw(): void {
    this.drawn += 1;
    this.play.time += this.cost;
  }
}

test("live data takes no more than its share, and every chart has its turn", () => {
  const play = new Play();
  const redraws = new Redraws(play);
  const charts = [10, 10, 20].map((cost) => new Picture(play, cost));
  play.until(10_000, () => charts.forEach((chart) => redraws.request(chart)));
  assert.ok(redraws.spent / play.time <= SHARE.attended * 1.02, `${redraws.spent / play.time}`);
  const turns = charts.map((chart) => chart.drawn);
  assert.ok(Math.max(...turns) - Math.min(...turns) <= 1, `${turns}`);
  assert.ok(Math.min(...turns) > 5 && Math.max(...turns) - Math.min(...turns) <= 1, `${turns}`);
});

test("layout and paint count as well as the script", () => {
  const play = new Play();
  play.paint = 30;
  const redraws = new Redraws(play);
  const chart = new Picture(play, 10);
  play.until(20_000, () => redraws.request(chart));
  const most = (20_000 * SHARE.attended) / 40;
  assert.ok(chart.drawn <= most + 1 && chart.drawn > 0.8 * most, `${chart.drawn}`);
});

test("a page that is merely open takes less", () => {
  const play = new Play();
  play.lastTouch = -600_000;
  const redraws = new Redraws(play);
  const chart = new Picture(play, 10);
  play.until(20_000, () => redraws.request(chart));
  assert.ok(redraws.spent / play.time <= SHARE.open * 1.05, `${redraws.spent / play.time}`);
  assert.ok(chart.drawn > 10, `${chart.drawn}`);
});

test("what a person changed is drawn in the next frame, all of it", () => {
  const play = new Play();
  const redraws = new Redraws(play);
  const charts = [new Picture(play, 100), new Picture(play, 100)];
  redraws.request(charts[0] as Picture);
  play.until(200);
  redraws.hurry(charts);
  play.until(play.time + 20);
  assert.deepEqual(charts.map((chart) => chart.drawn), [2, 1]);
});

test("live data goes on at once after what a person asked for, however long that took", () => {
  const play = new Play();
  play.lastTouch = -600_000;
  const redraws = new Redraws(play);
  const chart = new Picture(play, 300);
  redraws.hurry([chart]);
  play.until(20);
  redraws.request(chart);
  play.until(play.time + 40);
  assert.equal(chart.drawn, 2);
});

test("nothing is drawn on a hidden page, and everything once it is looked at", () => {
  const play = new Play();
  const redraws = new Redraws(play);
  const chart = new Picture(play, 1);
  play.dark = true;
  play.until(500, () => redraws.request(chart));
  assert.equal(chart.drawn, 0);
  play.dark = false;
  redraws.wake();
  play.until(1000);
  assert.equal(chart.drawn, 1);
});

test("a chart out of sight waits until it is seen", () => {
  const play = new Play();
  const redraws = new Redraws(play);
  const chart = new Picture(play, 1);
  chart.visible = false;
  play.until(100, () => redraws.request(chart));
  assert.equal(chart.drawn, 0);
  chart.visible = true;
  redraws.wake();
  play.until(play.time + 50);
  assert.equal(chart.drawn, 1);
});

test("the smoothing slider comes back where it was", () => {
  for (const value of [0, 0.5, 0.9, 0.99, 0.999]) assert.ok(Math.abs(weight(place(value)) - value) < 1e-9);
});

test("the time line ends a little after the last step, never after the plan", () => {
  for (const last of [1, 9, 57, 640, 12_345, 999_999]) {
    const end = roundedEnd(last, 0);
    assert.ok(end >= last && end <= last * 1.12 + 2, `${last}: ${end}`);
  }
  assert.equal(roundedEnd(995, 1000), 1000);
  assert.equal(roundedEnd(0, 1000), 1000);
});
