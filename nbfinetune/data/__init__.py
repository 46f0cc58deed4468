"""Where images come from, how they are split, and how they become batches; free of torch.

========================  ==========================================================
``sources``, ``objects``  what a user may pass, checked in milliseconds; ``accepted``
``folders``, ``idx``,     how each kind of source is laid out on the disk
``arrays``, ``named``
``archives``              zip and tar files of folders, unpacked with care
``tables``,               files named one by one (``file_lists``), and labels that are
``labelling``             read off their paths
``map_style``,            data sets of torch and Hugging Face (``opened``), and copies
``hugging_face``          of what is no file (``exported``)
``index``, ``splits``     every image once: its label, its part (``image_index``)
``edits``                 what a person changed about single images
``identity``              a key that tells one data set from another
``headers``               a look at every file before training
``scan``, ``scan_facts``  a look at every pixel of them, in the background, and its result
``duplicates``            what is the same, byte for byte or to the eye
``findings``              what a person should know (``finding``: of ``image_findings``,
                          ``twin_findings`` and ``class_findings``)
``decode``                one file to an upright RGB image, or one sentence why not
``augment``, ``pixels``   what is drawn for an image, and what that does to it
``randomness``            orders and draws as functions of the seed
``images``, ``loader``    images by number; batches, prefetched by threads
========================  ==========================================================
"""

from nbfinetune.data.named import named_datasets
from nbfinetune.data.sources import Accepted, accept

__all__ = ["Accepted", "accept", "named_datasets"]
