"""Ways of doing a thing are timed by turns."""

from __future__ import annotations

from nbfinetune.evaluation.turns import by_turns


def test_every_way_has_its_turns_and_the_longer_one_the_higher_median():
    calls = {"short": 0, "long": 0}

    def short():
        calls["short"] += 1

    def long():
        calls["long"] += 1
        sum(range(300_000))

    took = by_turns([long, short], rounds=3)
    assert took[0] > 10 * took[1] > 0
    assert calls["short"] > calls["long"] >= 2 + 2 * 3
