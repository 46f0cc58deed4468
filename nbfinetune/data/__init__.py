"""Where images come from, how they are split, and how they become batches; free of torch.

======================  ==========================================================
``sources``             what a user may pass, checked in milliseconds
``folders``, ``idx``,   how each kind of source is laid out on the disk
``arrays``, ``named``
``index``, ``splits``   every image once: its label, its part of the split
``headers``             a look at every file before training
``decode``              one file to an upright RGB image, or one sentence why not
``augment``, ``pixels`` what is drawn for an image, and what that does to it
``randomness``          orders and draws as functions of the seed
``images``, ``loader``  images by number; batches, prefetched by threads
======================  ==========================================================
"""

from nbfinetune.data.named import named_datasets
from nbfinetune.data.sources import Accepted, accept

__all__ = ["Accepted", "accept", "named_datasets"]
