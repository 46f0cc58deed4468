"""A pooling of ours as lines of Python, no longer than its kind needs."""

from __future__ import annotations

from nbfinetune.models.pooling import GlobalPool

__all__ = ["pool_code"]

_EXPONENT = (
    "    def __init__(self):",
    "        super().__init__()",
    "        self.exponent = nn.Parameter(torch.full((1,), 3.0))",
)


def pool_code(pool: GlobalPool) -> list[str]:
    """A class `GlobalPool` that takes no arguments and does what `pool` does.

    Returns
    -------
    list of str
        Lines that need `torch` and `nn`.
    """
    keep = f"{pool.dims}, keepdim={not pool.flatten}"
    side = 1 if pool.flatten or 1 not in pool.dims else -1
    forward = {
        "avg": [f"return x.mean({keep})"],
        "max": [f"return x.amax({keep})"],
        "catavgmax": [f"return torch.cat([x.mean({keep}), x.amax({keep})], {side})"],
        "gem": [
            "powers = x.float().clamp(min=1e-6) ** self.exponent",
            f"return (powers.mean({keep}) ** (1 / self.exponent)).to(x.dtype)",
        ],
    }
    return [
        "class GlobalPool(nn.Module):",
        *(_EXPONENT if pool.kind == "gem" else ()),
        "    def forward(self, x):",
        *(f"        {line}" for line in forward[pool.kind]),
        "    def is_identity(self):",
        "        return False",
    ]
