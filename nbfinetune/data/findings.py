"""What a person should know about their images before training: pure functions of facts."""

from __future__ import annotations

from nbfinetune.data.class_findings import classes
from nbfinetune.data.finding import Finding
from nbfinetune.data.image_findings import shapes, traits, unreadable
from nbfinetune.data.image_index import ImageIndex
from nbfinetune.data.scan_facts import ScanFacts
from nbfinetune.data.twin_findings import duplicates

__all__ = ["Finding", "findings"]


def findings(facts: ScanFacts, index: ImageIndex, size_px: int | None = None) -> list[Finding]:
    """All that is odd about the images that train or validate, what harms most first.

    Parameters
    ----------
    facts : ScanFacts
        Of a scan of the same source; of images that it has not seen only the labels are judged.
    index : ImageIndex
        Labels and split as they are now, edits included; images that are left out are not judged.
    size_px : int, optional
        Side of what the model sees; default 224, or what the images have where that is less.
    """
    facts = facts.aligned(index.items, len(index))
    return [
        *unreadable(facts, index),
        *duplicates(facts, index),
        *classes(index),
        *shapes(facts, index, size_px),
        *traits(facts, index),
    ]
