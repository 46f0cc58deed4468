"""The lines of a script that read a run's images, and vary those that it trains on."""

from __future__ import annotations

from nbfinetune.data.augment import CROPS
from nbfinetune.data.pixels import FILL
from nbfinetune.data.stored_image import stored_side
from nbfinetune.export.script_plan import Plan

__all__ = ["data_lines", "image_settings", "settings"]

_LONG_PATH = 34
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


def image_settings(plan: Plan, *, folder: str) -> list[str]:
    """What of the images a person may want to change.

    Parameters
    ----------
    folder : str
        Python that gives the folder of the images; `FOLDER` in it is where they lay.
    """
    facts, root = plan.facts, repr(plan.listed.root)
    size, crop = facts["image_size"], facts["crop_pct"]
    files = plan.listed.kind == "files"
    short = [f"FOLDER = {folder.replace('FOLDER', root)}"]
    long = [f"FOLDER = {root}", f"FOLDER = {folder}"]
    holds = "path, label and part (train or val)" if files else "images, labels and parts"
    return [
        *((short if len(root) < _LONG_PATH else long) if files else []),
        f"LISTING = HERE / {plan.listed.file!r}  # {holds}",
        f"CLASSES = {tuple(facts['classes'])!r}",
        f"SIZE, STORED, CROP_PCT = {size}, {stored_side(size, crop)}, {crop}",
    ]


def settings(plan: Plan, *, stepwise: bool) -> list[str]:
    """What of the training a person may want to change.

    Parameters
    ----------
    stepwise : bool
        Whether the curves are told by optimizer step, and not stretched over the epochs.
    """
    facts, device = plan.facts, plan.config.runner.device
    accelerator = "torch.accelerator.current_accelerator(True) or torch.device('cpu')"
    epochs, batch = plan.course.epochs, plan.config.training.batch_size
    length = f"EPOCHS, BATCH, STEPS = {epochs}, {batch}, {plan.steps}  # steps of an epoch"
    mean, std = ([round(255 * one, 6) for one in facts[name]] for name in ("mean", "std"))
    return [
        f"EPOCHS, BATCH = {epochs}, {batch}" if stepwise else length,
        f"DEVICE = {accelerator if device == 'auto' else f'torch.device({device!r})'}",
        f"normalised = v2.Compose([v2.ToDtype(torch.float32), v2.Normalize({mean}, {std})])",
    ]


def data_lines(plan: Plan) -> list[str]:
    """From the listing to pixels and labels."""
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
    how = f"({low:.6g}, {high:.6g}), v2.InterpolationMode.{_filter(plan)}"
    flip = ["v2.RandomHorizontalFlip()"] if augment.flip else []
    if crop.square:
        smallest, largest = crop.scale
        return [
            "def varied(image):  # a part of the central square, or of as many pixels",
            "    square = min(image.size) ** 2 / (image.width * image.height)",
            f"    scale = {smallest} * square, {largest} * square",
            f"    image = v2.RandomResizedCrop(SIZE, scale, {how})(image)",
            f"    return {flip[0]}(image)" if flip else "    return image",
        ]
    strong = augment.preset == "strong" and channels <= len(FILL)
    fill = [f"v2.TrivialAugmentWide(fill={list(FILL[:channels])})"] if strong else []
    cut = f"v2.RandomResizedCrop(SIZE, {crop.scale}, {how})"
    if not flip and not fill:
        return [f"varied = {cut}"]
    composed = [cut, *flip, *fill]
    return ["varied = v2.Compose([", *(f"    {step}," for step in composed), "])"]


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
        "class Images(Dataset):",
        "    def __init__(self, part):",
        *(held if arrays else listed),
        "        self.look = varied if part == 'train' else seen",
        "    def __len__(self):",
        "        return len(self.labels)",
        "    def __getitem__(self, place):",
        f"        image = self.look(stored({opened}(self.images[place])))",
        "        return v2.functional.pil_to_tensor(image), self.labels[place]",
    ]
