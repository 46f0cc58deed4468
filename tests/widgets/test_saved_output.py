"""What a notebook shows of a run where no kernel runs."""

from __future__ import annotations

import re

from chart_runs import filled

from nbfinetune.records import EpochDone
from nbfinetune.runner.run import Run
from nbfinetune.widgets.saved_output import result_html


def test_only_the_best_of_all_epochs_is_called_best(tmp_path):
    with filled(tmp_path / "run", 50) as store:
        store.append([epoch(number, best=number in (1, 2, 4)) for number in range(1, 6)])
        html = result_html(Run(store.path), "<svg></svg>")
    assert re.findall(r"<td>(\d+) \(best\)</td>", html) == ["4"]
    assert len(re.findall("<tr><td>", html)) == 5


def epoch(number: int, *, best: bool) -> EpochDone:
    return EpochDone(
        step=10 * number, epoch=number, train_loss=0.5, val_loss=0.4, accuracy=0.5, top5=1.0,
        precision=0.9, recall=0.9, macro_f1=0.9, roc_auc=None, seconds=1.0, images_per_s=64.0,
        best=best,
    )  # fmt: skip
