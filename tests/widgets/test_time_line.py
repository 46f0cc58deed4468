"""What changed the curves of a run is marked on its time line in a few words."""

from __future__ import annotations

import pytest

from nbfinetune.records import CacheUnused, Event, FeaturesKept, FeaturesUnused, StepTuned
from nbfinetune.widgets.time_line import mark


@pytest.mark.parametrize(
    ("event", "label"),
    [
        (FeaturesKept(views=1, megabytes=2.0), "features of 1 view are kept from here on"),
        (FeaturesKept(views=4, megabytes=2.0), "features of 4 views are kept from here on"),
        (FeaturesUnused(reason="there is no room"), None),
        (
            FeaturesUnused(step=7, reason="weights were pruned"),
            "features are kept no longer: weights were pruned",
        ),
        (CacheUnused(reason="the disk is full"), "the disk is full"),
        (StepTuned(precision="bf16", channels_last=True, ms_per_image={}), None),
    ],
)
def test_what_makes_a_run_faster_or_slower_as_it_goes_is_marked(
    event: Event, label: str | None
) -> None:
    assert mark(event) == label
