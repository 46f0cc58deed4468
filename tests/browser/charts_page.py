"""A page that hosts `LiveCharts` without Jupyter: real widget, real script, a small model."""

from __future__ import annotations

import base64
import json
import queue
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from comm_ear import Message

from nbfinetune.widgets.panel import STATIC

if TYPE_CHECKING:
    from playwright.sync_api import Page

HOST = """
globalThis.Model = class {
  constructor(state) {
    this.state = state;
    this.heard = new Map();
    this.changed = {};
  }
  get(name) { return this.state[name]; }
  set(name, value) {
    this.state[name] = this.changed[name] = value;
    this.tell("change:" + name);
  }
  save_changes() {
    toPython({ method: "update", state: this.changed });
    this.changed = {};
  }
  send(content) {
    sent.push(content);
    toPython({ method: "custom", content });
  }
  on(names, listener) {
    for (const n of names.split(" ")) this.heard.set(n, [...this.of(n), listener]);
  }
  off(names, listener) {
    for (const n of names.split(" ")) this.heard.set(n, this.of(n).filter((l) => l !== listener));
  }
  of(name) { return this.heard.get(name) ?? []; }
  tell(name, ...args) { for (const listener of this.of(name)) listener(...args); }
}
globalThis.sent = [];
const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
globalThis.fromPython = (messages) => {
  for (const { data, buffers } of messages) {
    if (data.method === "custom") {
      model.tell("msg:custom", data.content, buffers.map((b) => new DataView(bytes(b).buffer)));
      continue;
    }
    Object.assign(model.state, data.state);
    for (const name of Object.keys(data.state ?? {})) model.tell("change:" + name);
  }
};
globalThis.start = async (script, state) => {
  globalThis.model = new Model(state);
  const url = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
  const widget = (await import(url)).default();
  await widget.initialize({ model });
  globalThis.view = async (id) => widget.render({ model, el: document.getElementById(id) });
  await view("root");
};
"""


class ChartsPage:
    """A widget and its page; `pump` carries what the kernel's side says to the page."""

    def __init__(self, page: Page, charts: Any, said: queue.SimpleQueue[Message]) -> None:
        self.page = page
        self.charts = charts
        self.said = said
        self.bytes = 0
        page.expose_function("toPython", self._hear)
        self.open()

    def open(self, theme: str = "") -> None:
        css = (STATIC / "live_charts.css").read_text()
        self.page.set_content(
            f"<style>{theme}</style><style>{css}</style>"
            "<body><div id=root></div><div id=second></div>"
        )
        self.page.add_script_tag(content=HOST)
        state = {k: getattr(self.charts, k) for k in self.charts.keys if k[0] != "_"}
        plain = json.loads(json.dumps(state, default=str))
        self.page.evaluate(
            "([script, state]) => start(script, state)",
            [(STATIC / "live_charts.js").read_text(), plain],
        )

    def _hear(self, data: dict[str, Any]) -> None:
        self.charts._handle_msg({"content": {"data": data}, "buffers": []})

    def pump(self) -> int:
        """Deliver what was said; gives the number of messages."""
        waiting = []
        while not self.said.empty():
            waiting.append(self.said.get())
        self._deliver(waiting)
        return len(waiting)

    def lose(self, kind: str) -> None:
        """Deliver what was said until a message of that kind, which gets lost on its way."""
        while (said := self.said.get(timeout=60))[0].get("content", {}).get("kind") != kind:
            self._deliver([said])

    def _deliver(self, messages: list[Message]) -> None:
        packed = []
        for data, buffers in messages:
            self.bytes += len(json.dumps(data, default=str)) + sum(map(len, buffers))
            packed.append(
                {"data": data, "buffers": [base64.b64encode(b).decode() for b in buffers]}
            )
        if packed:
            self.page.evaluate("(m) => fromPython(m)", packed)

    def until(self, condition: str | Callable[[], Any], seconds: float = 60.0) -> Any:
        """Pump until a script of the page, or a function, says yes."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.pump()
            met = self.page.evaluate(condition) if isinstance(condition, str) else condition()
            if met:
                return met
            self.page.wait_for_timeout(20)
        raise AssertionError(f"in {seconds} s this did not come true: {condition}")

    def points(self, chart: str, trace: int = 0) -> int:
        """Points of a line as Plotly has them."""
        return self.page.evaluate(
            "([chart, trace]) => document.querySelector(`[aria-label='${chart}'] .nbft-plot`)"
            ".data?.[trace]?.x.length ?? 0",
            [chart, trace],
        )
