"""A run mirrored to TensorBoard, MLflow or Weights & Biases, from a process of its own.

The worker knows nothing of it: a tracker that is slow, full or gone can't hold up a run.
"""

from nbfinetune.runner.trackers.mirror import Mirror, mirrored_to, mirrors, track
from nbfinetune.runner.trackers.targets import target_of

__all__ = ["Mirror", "mirrored_to", "mirrors", "target_of", "track"]
