"""A model changed as the config asks: stages cut off, other pooling, another classifier."""

from __future__ import annotations

from torch import nn

from nbfinetune.errors import ConfigError, NbFinetuneError
from nbfinetune.models.cutting import cut_stages
from nbfinetune.models.heads import fit_head, head_names, replace_head
from nbfinetune.models.pooling import pools_a_grid, refused, set_pooling
from nbfinetune.models.shape import Shape
from nbfinetune.records import ModelConfig

__all__ = ["edit", "is_edited"]


def is_edited(config: ModelConfig) -> bool:
    """Whether the classifier that the architecture comes with goes."""
    return config.head == "mlp" or bool(config.drop_stages) or config.pooling != "own"


def edit(module: nn.Module, config: ModelConfig, shape: Shape) -> tuple[str, ...]:
    """Change a model in place; returns the modules that are new and belong to the head.

    Raises
    ------
    ConfigError
        If that can't be done to this model.
    """
    heads = head_names(module)
    pool = None
    if config.drop_stages:
        cut_stages(module, heads, config.drop_stages, config.name)
    pooling = config.pooling
    if pooling == "own" and config.drop_stages and pools_a_grid(module):
        pooling = "avg"
    if pooling != "own":
        pool = set_pooling(module, heads, pooling, config.name)
    if config.drop_stages or pool is not None:
        _fit(module, heads, pool, config, shape)
    if config.head == "mlp":
        replace_head(
            module, heads, num_classes=shape.num_classes, kind="mlp", dropout=shape.dropout
        )
    trained = pool is not None and any(True for _ in module.get_submodule(pool).parameters())
    return (*heads, str(pool)) if trained else heads


def _fit(
    module: nn.Module,
    heads: tuple[str, ...],
    pool: str | None,
    config: ModelConfig,
    shape: Shape,
) -> None:
    used: list[bool] = []
    watched = module.get_submodule(pool) if pool is not None else nn.Identity()
    hook = watched.register_forward_hook(lambda *_: used.append(True))
    try:
        fit_head(module, heads, shape)
    except NbFinetuneError:
        raise
    except Exception as error:
        raise _does_not_work(config, shape, error) from error
    finally:
        hook.remove()
    if pool is not None and not used:
        raise refused(config.pooling, config.name, "its classifiers read tokens of their own")


def _does_not_work(config: ModelConfig, shape: Shape, error: Exception) -> ConfigError:
    asked = [f"drop_stages={config.drop_stages}"] if config.drop_stages else []
    asked += [f"pooling={config.pooling!r}"] if config.pooling != "own" else []
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    side = shape.image_size
    return ConfigError(
        f"{config.name} does not work with {' and '.join(asked)} on images of {side}×{side} "
        f"pixels ({reason}); leave that out, or choose another model or size"
    )
