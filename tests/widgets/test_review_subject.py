"""What is read of a run stays what was read, whatever the run does meanwhile."""

from __future__ import annotations

import numpy as np
from reviewed_runs import array_set, reviewed_run, say

from nbfinetune.widgets.review_subject import OfRun


def test_figures_are_of_the_predictions_that_were_read_and_not_of_newer_ones() -> None:
    run = reviewed_run(array_set())
    review = OfRun(run).read(lambda *_: None)
    seen = (review.verdicts.predicted == review.verdicts.labels).mean()
    say(run, lambda index, ids: np.eye(2, dtype=np.float32)[index.labels[ids]])
    assert review.evaluation.accuracy == seen < 1
