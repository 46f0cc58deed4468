"""The settings that the surface shows, panel by panel: what each is called, takes and does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

Kind: TypeAlias = Literal["text", "search", "integer", "number", "choice", "combo", "flag"]


@dataclass(frozen=True)
class Field:
    """One setting as a person meets it.

    Parameters
    ----------
    name : str
        Keyword of `fine_tune`.
    label, help, unit : str
        What stands beside the control.
    kind : Kind
        Which control; `combo` and `search` are free text with suggestions.
    options : tuple of (value, label)
        Of a choice, or the suggestions.
    empty : str
        What an empty control means; a field without it must be filled.
    live : bool
        A live run can take it.
    rare : bool
        Folded away under "More".
    curves : tuple of str
        Learning-rate curves that have this value; empty for settings that every run has.
    """

    name: str
    label: str
    kind: Kind
    help: str
    unit: str = ""
    options: tuple[tuple[str, str], ...] = ()
    empty: str = ""
    live: bool = False
    rare: bool = False
    wide: bool = False
    curves: tuple[str, ...] = ()


@dataclass(frozen=True)
class Panel:
    """A titled group of settings in a slot of the surface.

    Parameters
    ----------
    slot : str
        Name of its place, by which a widget of its own may take it over.
    title : str
        What stands above it.
    region : str
        Its accessible name.
    """

    slot: str
    title: str
    region: str
    fields: tuple[Field, ...]

    def spec(self) -> list[dict[str, Any]]:
        """What the page needs to know of the fields."""
        return [asdict(field) for field in self.fields]


def _same(*values: str) -> tuple[tuple[str, str], ...]:
    return tuple((value, value) for value in values)


def data_panel(names: list[str]) -> Panel:
    """The data panel, which suggests the data sets that are known by name."""
    return Panel("data", "Data", "Data", (
        Field("data", "Folder or data set", "combo",
              "A folder with one folder per class, or the name of a data set",
              options=_same(*names), wide=True),
        Field("val_split", "Validation part", "number",
              "Part of the images, stratified by class, where the data has no validation part",
              unit="of 1"),
        Field("image_size", "Image size", "integer", "Side of the square that the model sees",
              unit="px", empty="auto"),
        Field("augment", "Augmentation", "choice",
              "light: small shifts; standard: random crops; strong: with TrivialAugment",
              options=_same("none", "light", "standard", "strong")),
        Field("flip", "Left-right flips", "flag", "Turn off for digits, letters and road signs"),
        Field("mixup", "Mixup", "number", "Beta parameter of mixup; 0 is off", rare=True),
        Field("cutmix", "CutMix", "number", "Beta parameter of CutMix; 0 is off", rare=True),
        Field("cache", "Keep decoded", "flag",
              "Keep decoded images on the disk, so that later epochs and runs read them from there",
              rare=True),
        Field("loader_threads", "Loader threads", "integer", "Threads that decode and augment",
              empty="by machine", rare=True),
    ))  # fmt: skip


MODEL = Panel("model", "Model", "Model picker", (
    Field("model", "Architecture", "search",
          "Any timm name, a torchvision model as tv_<name>, or package.module:function",
          wide=True),
    Field("pretrained", "Pretrained", "flag",
          "Start from weights of the hub (or its cache) rather than from random ones"),
    Field("checkpoint", "Weights file", "text",
          "Start from this .safetensors or .pth file instead", empty="none", rare=True, wide=True),
    Field("head", "Classifier", "choice", "The new last layer; mlp has one hidden layer",
          options=_same("linear", "mlp"), rare=True),
    Field("dropout", "Dropout", "number", "Before the classifier’s last layer", rare=True),
    Field("pooling", "Pooling", "choice",
          "How the last map of features becomes one vector", rare=True,
          options=(("own", "as the model does"), ("avg", "average"), ("max", "maximum"),
                   ("catavgmax", "both side by side"), ("gem", "generalised mean"))),
    Field("drop_stages", "Stages cut off", "integer",
          "So many of the last stages are left out before the classifier", rare=True),
    Field("in_chans", "Channels", "integer",
          "Of an image: 1 grey, 3 colours, 4 with alpha; the first layer’s weights are fitted",
          rare=True),
    Field("train_stages", "Stages trained", "integer",
          "Train the head and so many of the last stages only", empty="all", rare=True),
    Field("freeze", "Frozen", "choice", "What is not trained", rare=True,
          options=(("none", "nothing"), ("backbone", "all but the head"),
                   ("1", "first layer group"), ("2", "first 2 groups"), ("3", "first 3 groups"))),
    Field("freeze_epochs", "Thaw after", "integer", "0: never", unit="epochs", rare=True),
    Field("layer_decay", "Layer decay", "number",
          "Each layer group’s rate is this multiple of the next one’s", empty="off", rare=True),
    Field("backbone_lr", "Backbone rate", "number",
          "The backbone’s learning rate as a multiple of the head’s", unit="×", rare=True),
))  # fmt: skip

PRESETS = ("cosine", "constant", "linear", "one_cycle", "step", "multi_step", "exponential",
           "polynomial", "plateau")  # fmt: skip
"""Curves that are given by a few values, not drawn by hand."""

SCHEDULE = Panel("schedule", "Learning rate", "Learning-rate schedule", (
    Field("schedule", "Curve", "choice", "How the learning rate moves over the run", live=True,
          options=(("cosine", "cosine"), ("constant", "constant"), ("linear", "linear"),
                   ("one_cycle", "one cycle"), ("step", "steps"), ("multi_step", "milestones"),
                   ("exponential", "exponential"), ("polynomial", "polynomial"),
                   ("plateau", "on plateau"), ("knots", "by hand"))),
    Field("lr", "Learning rate", "number",
          "The highest rate of the curve; auto: one is looked for before the first step",
          live=True),
    Field("warmup", "Warm-up", "number", "Part of the run over which the rate climbs",
          unit="of 1", live=True, curves=PRESETS),
    Field("final_factor", "Ends at", "number", "As a multiple of the learning rate", unit="×",
          live=True, curves=("cosine", "linear", "one_cycle", "exponential", "polynomial")),
    Field("every", "Every", "number", "Part of the run between two drops", unit="of 1",
          live=True, curves=("step",)),
    Field("milestones", "At", "text", "Parts of the run, ascending: 0.5, 0.75", live=True,
          curves=("multi_step",)),
    Field("gamma", "Drops to", "number", "Multiple of the rate before", unit="×", live=True,
          curves=("step", "multi_step")),
    Field("power", "Power", "number", "Exponent of the part that is left", live=True,
          curves=("polynomial",)),
    Field("factor", "Drops to", "number", "Multiple of the rate before", unit="×", live=True,
          curves=("plateau",)),
    Field("patience", "Patience", "integer", "Epochs without progress that are borne",
          unit="epochs", live=True, curves=("plateau",)),
))  # fmt: skip

TRAINING = Panel("training", "Training", "Training settings", (
    Field("epochs", "Epochs", "integer",
          "Passes over the training images; for a live run, with the learning-rate curve",
          live=True),
    Field("batch_size", "Batch size", "integer", "Images per optimizer step", unit="images"),
    Field("optimizer", "Optimizer", "choice",
          "FineTuneWidget(..., optimizer=) also takes any name of timm.optim",
          options=_same("adamw", "adam", "sgd", "rmsprop", "adagrad", "lamb")),
    Field("weight_decay", "Weight decay", "number", "L2 penalty; norms and biases have none",
          live=True),
    Field("momentum", "Momentum", "number", "For SGD and RMSprop; first beta of the Adam family",
          live=True, rare=True),
    Field("l1", "L1 penalty", "number", "On the same weights as weight decay", live=True,
          rare=True),
    Field("clip_norm", "Clip gradients at", "number", "Largest norm of the gradient; 0 is off",
          live=True, rare=True),
    Field("nesterov", "Nesterov", "flag", "For SGD", rare=True),
    Field("loss", "Loss", "choice", "What is minimised", rare=True,
          options=(("cross_entropy", "cross-entropy"), ("bce", "binary cross-entropy"),
                   ("mse", "squared error"), ("focal", "focal"))),
    Field("label_smoothing", "Label smoothing", "number", "From 0 to below 1", rare=True),
    Field("class_weights", "Class weights", "choice",
          "Weigh the loss by the inverse frequency of the classes", rare=True,
          options=(("", "equal"), ("balanced", "balanced")), empty="equal"),
    Field("ema", "Weight average", "number",
          "Decay of the moving average that is measured and kept; 0 is off", rare=True),
    Field("early_stopping", "Stop early after", "integer", "Epochs without a better measure",
          unit="epochs", empty="never", rare=True),
    Field("monitor", "Best by", "choice", "What “best” means", rare=True,
          options=(("accuracy", "accuracy"), ("macro_f1", "macro F1"),
                   ("val_loss", "validation loss"))),
    Field("time_budget_s", "Time budget", "number", "Ends in time with a usable model", unit="s",
          empty="none", rare=True),
    Field("accumulate", "Pieces per batch", "integer",
          "The batch goes through the model in so many pieces", rare=True),
    Field("precision", "Precision", "choice", "auto: what a short self-test finds fastest here",
          options=_same("auto", "fp32", "bf16", "fp16"), rare=True),
    Field("channels_last", "Memory format", "choice",
          "Order of pixels and channels; auto: what the same self-test finds fastest",
          options=(("", "auto"), ("true", "channels last"), ("false", "channels first")),
          empty="auto", rare=True),
    Field("threads", "Model threads", "integer",
          "CPU threads that compute; auto: what the same self-test finds fastest",
          empty="auto", rare=True),
    Field("feature_views", "Feature views", "integer",
          "While the head alone trains: variants of each image whose features are kept; 0: none",
          empty="auto", rare=True),
    Field("compile", "Compile", "flag",
          "Train through torch.compile: minutes before a model’s first run, less later", rare=True),
    Field("device", "Device", "choice",
          "auto is the accelerator if there is one; FineTuneWidget(..., device=) takes any",
          options=_same("auto", "cpu", "cuda", "mps", "xpu"), rare=True),
    Field("seed", "Seed", "integer", "Fixes split, order, augmentation and new weights",
          rare=True),
))  # fmt: skip

CURVE = tuple(field.name for field in SCHEDULE.fields)
"""Settings that make up the learning-rate curve; a live run takes them together."""

OPTIMIZER_LIVE = tuple(f.name for f in TRAINING.fields if f.live and f.name != "epochs")
"""Settings of the optimizer that a live run takes one by one."""


def every_field() -> Iterator[Field]:
    """Every field that a configuration has."""
    for panel in (data_panel([]), MODEL, SCHEDULE, TRAINING):
        yield from panel.fields


FIELDS = {field.name: field for field in every_field()}
