"""The page draws its curves by the same maths as Python: both are asked, for random knots."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nbfinetune.schedules import Knot, Knots, lr_at, lr_curve, to_knots
from nbfinetune.schedules.naming import named
from nbfinetune.widgets.curve_plan import points

JS = Path(__file__).parents[2] / "js"
sys.path.insert(0, str(JS))
PIECES = ("linear", "log", "cosine", "pchip")
PRESETS = ("cosine", "one_cycle", "step", "multi_step", "exponential", "polynomial", "linear")


def random_curve(number: int) -> Knots:
    dice = np.random.default_rng(number)
    count = int(dice.integers(1, 40))
    places = np.sort(dice.random(count))
    if count > 4:
        places[2] = places[1]  # a jump
    rates = 10.0 ** dice.uniform(-7, 0, count)
    pieces = dice.choice(PIECES, count)
    rows = zip(places.tolist(), rates.tolist(), pieces.tolist(), strict=True)
    return Knots(lr=1e-3, points=tuple(Knot(*row) for row in rows))


def told(schedule, places: list[float]) -> dict[str, list]:
    rates = [lr_at(schedule, place) for place in places]
    return {"knots": points(schedule), "places": places, "rates": rates}


@pytest.fixture
def node() -> list[str]:
    """Words that run the front end's own tests."""
    import frontend

    if not (JS / "node_modules" / "esbuild").is_dir() or not frontend.has_node():
        pytest.skip("the front end's tools are not installed; run `make front-end`")
    return ["node", str(JS / "test.mjs")]


def test_the_page_draws_every_curve_as_python_steers_by_it(node: list[str], tmp_path: Path) -> None:
    dice = np.random.default_rng(0)
    curves = [random_curve(number) for number in range(60)]
    table = [told(curve, sorted({*dice.random(40), 0.0, 1.0})) for curve in curves]
    path = tmp_path / "curves.json"
    path.write_text(json.dumps(table))
    environment = {**os.environ, "NBFT_CURVES": str(path)}
    done = subprocess.run(node, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    assert "ok 1 - curves equal what Python says of them\n" in done.stdout
    assert "# skipped 0" in done.stdout


@pytest.mark.parametrize("name", PRESETS)
def test_what_the_page_draws_of_a_preset_is_the_preset(name: str) -> None:
    schedule = named(name, lr=3e-3, warmup=0.1)
    drawn = lr_curve(to_knots(schedule), 500)
    assert np.abs(drawn - lr_curve(schedule, 500)).max() <= 0.002 * schedule.lr
