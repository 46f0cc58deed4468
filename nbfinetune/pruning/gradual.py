"""How a pruning grows while a network trains: fast at first, when there is most to spare."""

from __future__ import annotations

ROUNDS = 10
"""Times at which something goes; each costs a look at some images."""


def amount_at(amount: float, part: float) -> float:
    """What has gone by then: a cubic rise from 0 (Zhu and Gupta, arXiv:1710.01878).

    Parameters
    ----------
    amount : float in (0, 1)
        That goes in the end.
    part : float
        Of the time that the pruning takes; before 0 nothing has gone, after 1 all of it.
    """
    left = 1 - min(max(part, 0.0), 1.0)
    return float(amount * (1 - left**3))


def round_steps(begun: int, steps: int, rounds: int = ROUNDS) -> tuple[int, ...]:
    """Steps after which something goes, ascending, the last of them the end.

    Parameters
    ----------
    begun : int
        Optimizer steps taken when the pruning began.
    steps : int
        That it takes, at least 1.
    rounds : int
        At most; never more than steps.
    """
    count = min(rounds, steps)
    return tuple(begun + -(-steps * number // count) for number in range(1, count + 1))
