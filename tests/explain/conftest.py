"""Small networks trained on images of squares, once a session."""

from __future__ import annotations

import pytest
from square_photos import Planted, squares, trained


@pytest.fixture(scope="session")
def photos(tmp_path_factory):
    """Folder of the images, and the quadrant of each."""
    folder = tmp_path_factory.mktemp("squares")
    return folder, squares(folder)


@pytest.fixture(scope="session")
def planted(photos, tmp_path_factory):
    """Give the run of a small network of this name, trained once a session."""
    runs = {}

    def run(name: str) -> Planted:
        if name not in runs:
            folder = tmp_path_factory.mktemp("run")
            runs[name] = Planted(folder, trained(name, folder, photos[0]), *photos)
        return runs[name]

    return run
