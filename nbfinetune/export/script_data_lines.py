"""The lines of a script that read a run's images, vary them and make batches of them."""

from __future__ import annotations

from nbfinetune.data.augment import CROPS
from nbfinetune.data.pixels import FILL
from nbfinetune.data.stored_image import stored_side
from nbfinetune.export.script_plan import Plan

__all__ = ["data_lines", "settings"]

_KEPT = "num_workers=WORKERS, persistent_workers=WORKERS > 0"
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


def settings(plan: Plan, *, folder: str, workers: str) -> list[str]:
    """What a person may want to change.

    Parameters
    ----------
    folder : str
        Python that gives the folder of the images.
    workers : str
        Python that gives the number of processes that read images.
    """
    facts, device = plan.facts, plan.config.runner.device
    size, crop = facts["image_size"], facts["crop_pct"]
    scale = (list(facts["mean"]), list(facts["std"]))
    batch = plan.config.training.batch_size
    accelerator = 'torch.accelerator.current_accelerator(True) or torch.device("cpu")'
    files = plan.listed.kind == "files"
    holds = "path, label and part (train or val)" if files else "images, labels and parts"
    return [
        *([f"FOLDER = {folder}"] if files else []),
        f"LISTING = HERE / {plan.listed.file!r}  # {holds}",
        f"CLASSES = {tuple(facts['classes'])!r}",
        f"SIZE, STORED, CROP_PCT = {size}, {stored_side(size, crop)}, {crop}",
        f"EPOCHS, BATCH, STEPS = {plan.course.epochs}, {batch}, {plan.steps}  # steps of an epoch",
        f"DEVICE = {accelerator if device == 'auto' else f'torch.device({device!r})'}",
        f"MEAN, STD = (255 * torch.tensor(one, device=DEVICE).view(-1, 1, 1) for one in {scale})",
        f"WORKERS = {workers}",
    ]


def data_lines(plan: Plan) -> list[str]:
    """From the listing to batches."""
    return [
        *_stored(plan),
        "",
        "def seen(image):  # the central square, as the model is measured on it",
        "    side = round(min(image.size) * (CROP_PCT if min(image.size) > SIZE else 1))",
        "    left, top = (image.width - side) // 2, (image.height - side) // 2",
        "    image = image.crop((left, top, left + side, top + side))",
        f"    return image.resize((SIZE, SIZE), Image.Resampling.{_filter(plan)})",
        "",
        *_varied(plan),
        "",
        *_dataset(plan),
        "",
        "def batches(part, **how):",
        f"    return DataLoader(Images(part), {_KEPT}, **how)",
        "",
        "def normalised(images):",
        "    return (images.to(DEVICE).float() - MEAN) / STD",
    ]


def _stored(plan: Plan) -> list[str]:
    mode = _MODES[plan.config.model.in_chans]
    on_white = [
        "    if image.has_transparency_data:",
        "        white = Image.new('RGBA', image.size, 'white')",
        "        image = Image.alpha_composite(white, image.convert('RGBA'))",
    ]
    files = plan.listed.kind == "files"
    clear = files or plan.listed.alpha
    upright = [
        "    image.draft(None, (STORED, STORED))  # of a large JPEG less is decoded",
        "    image = ImageOps.exif_transpose(image)",
    ]
    return [
        "def stored(image):  # upright, and no larger than needed",
        *(upright if files else []),
        *(on_white if clear and mode != "RGBA" else []),
        f"    image, part = image.convert({mode!r}), min(STORED / min(image.size), 1)",
        "    size = round(image.width * part), round(image.height * part)",
        "    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3)",
    ]


def _filter(plan: Plan) -> str:
    return str(plan.facts["interpolation"]).upper()


def _varied(plan: Plan) -> list[str]:
    augment, channels = plan.config.augment, plan.config.model.in_chans
    if augment.preset == "none":
        return ["varied = seen  # nothing is left to chance"]
    crop = CROPS[augment.preset]
    low, high = crop.ratio
    lines = [
        "class Crop(T.RandomResizedCrop):  # `scale` is a part of the central square",
        "    def get_params(self, image, scale, ratio):",
        "        square = min(image.size) ** 2 / (image.width * image.height)",
        "        return super().get_params(image, [part * square for part in scale], ratio)",
        "",
    ]
    kind = "Crop" if crop.square else "T.RandomResizedCrop"
    steps = [f"{kind}(SIZE, {crop.scale}, ({low:.6g}, {high:.6g}), T.InterpolationMode."]
    steps[0] += f"{_filter(plan)})"
    steps += ["T.RandomHorizontalFlip()"] if augment.flip else []
    strong = augment.preset == "strong" and channels <= len(FILL)
    steps += [f"T.TrivialAugmentWide(fill={list(FILL[:channels])})"] if strong else []
    composed = [f"varied = T.Compose([{steps[0]},", f"    {', '.join(steps[1:])}])"]
    return [*(lines if crop.square else []), *composed]


def _dataset(plan: Plan) -> list[str]:
    arrays = plan.listed.kind == "arrays"
    listed = [
        "        with LISTING.open('r', -1, 'utf-8', 'surrogateescape', '') as file:",
        "            rows = [row for row in csv.DictReader(file) if row['part'] == part]",
        "        self.images = [FOLDER / row['path'] for row in rows]",
        "        self.labels = [CLASSES.index(row['label']) for row in rows]",
    ]
    held = [
        "        held = np.load(LISTING)",
        "        chosen = held['parts'] == part",
        "        self.images = list(held['images'][chosen])",
        "        self.labels = [CLASSES.index(label) for label in held['labels'][chosen]]",
    ]
    opened = "Image.fromarray" if arrays else "Image.open"
    return [
        "class Images(torch.utils.data.Dataset):",
        "    def __init__(self, part):",
        *(held if arrays else listed),
        "        self.look = varied if part == 'train' else seen",
        "    def __len__(self):",
        "        return len(self.labels)",
        "    def __getitem__(self, place):",
        f"        image = self.look(stored({opened}(self.images[place])))",
        "        pixels = torch.from_numpy(np.array(image)).reshape(SIZE, SIZE, -1)",
        "        return pixels.permute(2, 0, 1), self.labels[place]",
    ]
