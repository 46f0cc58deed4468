"""A run mirrored to TensorBoard, MLflow or Weights & Biases, from a process of its own.

The worker knows nothing of it: a tracker that is slow, full or gone can't hold up a run.
"""

from nbfinetune.runner.trackers.mirror import Mirror, mirrored_to, mirrors, track, track_begun
from nbfinetune.runner.trackers.targets import Target, target_of, targets_of

__all__ = [
    "Mirror",
    "Target",
    "mirrored_to",
    "mirrors",
    "target_of",
    "targets_of",
    "track",
    "track_begun",
]
