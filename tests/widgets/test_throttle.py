"""Mere steps pass now and then; whatever tells of something passes at once."""

from __future__ import annotations

import numpy as np

from nbfinetune.records import RunPaused
from nbfinetune.widgets.history import Update
from nbfinetune.widgets.throttle import Throttle


def update(status="running", events=(), **rest):
    return Update(0, 1, status, events, np.zeros((1, 6)), **rest)


def test_steps_pass_once_in_a_while_and_news_at_once():
    now = [100.0]
    throttle = Throttle(0.5, clock=lambda: now[0])
    assert throttle.passes(update())
    now[0] += 0.4
    assert not throttle.passes(update())
    assert throttle.passes(update(events=(RunPaused(step=3),)))
    now[0] += 0.2
    assert throttle.passes(update(status="paused"))
    assert throttle.passes(update(status="paused", restarted=True))
    assert throttle.passes(update(status="paused", trouble="gone"))
    now[0] += 0.6
    assert throttle.passes(update(status="paused"))
