"""A short key that tells one data set from another, so that what is kept for it finds it again."""

from __future__ import annotations

from hashlib import blake2b

from nbfinetune.data.sources import Accepted
from nbfinetune.records.coding import encode


def data_key(accepted: Accepted) -> str:
    """Name of the data: that of the source, or of the content where it travels with the run.

    Returns
    -------
    str
        16 hexadecimal digits.
    """
    digest = blake2b(digest_size=8)
    digest.update(encode(accepted.source))
    for piece in accepted.content():
        digest.update(piece)
    return digest.hexdigest()
