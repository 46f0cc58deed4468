"""The photos of a race: a folder or an archive, as many of them as the race wants."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
FLOWERS = SHARED / "tf_flowers.zip"
WEIGHTS = SHARED / "weights" / "mobilenetv2_100.in1k_dropin.safetensors"
PARTS = ("train", "val")
SIDE_PX = 224
DIGIT_COUNT = 600
DIGITS = (
    "There are no photos (name a folder or a .zip with train/ and val/): scikit-learn's digits "
    "stand in, as JPEG files of 224 px. What loading costs is about the same, accuracies are not."
)


def photos_of(given: Path | None, scratch: Path) -> Path:
    """Folder with `train/` and `val/`; digits where nothing is given and no flowers are at hand.

    Raises
    ------
    SystemExit
        If what is given is no such folder.
    """
    source = given or (FLOWERS if FLOWERS.exists() else None)
    if source is None:
        print(DIGITS)
        return digits(scratch / "digits")
    if source.suffix == ".zip":
        with zipfile.ZipFile(source) as archive:
            archive.extractall(scratch / "photos")
        found = sorted((scratch / "photos").rglob("train"))
    else:
        found = [source.absolute() / "train"]
    if not found or not all((found[0].parent / part).is_dir() for part in PARTS):
        raise SystemExit(f"{source} has no train/ and val/; give a folder or a .zip that has both")
    return found[0].parent


def some(photos: Path, counts: tuple[int, int], into: Path) -> Path:
    """Copy the first so many photos of each class, as many of one as of the other.

    Parameters
    ----------
    counts : (int, int)
        For training and for validation; 0 is all.
    """
    for part, count in zip(PARTS, counts, strict=True):
        classes = sorted(path for path in (photos / part).iterdir() if path.is_dir())
        each = -(-count // len(classes)) if count else None
        for folder in classes:
            target = into / part / folder.name
            target.mkdir(parents=True)
            for path in sorted(folder.iterdir())[:each]:
                shutil.copy(path, target)
    return into


def counted(photos: Path) -> tuple[int, int]:
    """Photos for training and for validation."""
    train, val = (sum(p.is_file() for p in (photos / part).rglob("*")) for part in PARTS)
    return train, val


def digits(folder: Path) -> Path:
    """Scikit-learn's handwritten digits as photos, every fifth for validation."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    for number, (row, label) in enumerate(zip(images[:DIGIT_COUNT], labels, strict=False)):
        place = folder / PARTS[number % 5 == 4] / str(label)
        place.mkdir(parents=True, exist_ok=True)
        picture = Image.fromarray((row.reshape(8, 8) * 15).astype(np.uint8)).convert("RGB")
        picture.resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC).save(place / f"{number}.jpg")
    return folder
