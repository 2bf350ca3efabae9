"""Disputes by chance with many false roots, for their figures: python -m tests.model.sweep [--plays 300] [--seed 0]."""

import argparse
import random
from collections.abc import Sequence
from typing import TypeVar

from tests.model.adversary import Adversary
from tests.model.arena import PRICE, Build
from tests.model.dispute import HEIGHTS, build
from tests.model.play import Figures, Play

T = TypeVar("T")
ATTACKS = ("attack", "attack", "assert_run", "assert_patch", "assert_noise", "assert_graft", "assert_spine")
MOVES = (
    "bisect",
    "bisect_all",
    "bisect_one_way",
    "engage",
    "open_steps",
    "prove",
    "update",
    "update_all",
    "decide",
    "settle",
    "refund",
    "withdraw",
    "blunder",
)
WAITS = (1, 5, 20, 60, 200)
"""Seconds."""


class Random:
    """Decisions by chance."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def choice(self, options: Sequence[T]) -> T:
        """One of them."""
        return self._random.choice(options)

    def number(self, least: int, most: int) -> int:
        """Both may come."""
        return self._random.randint(least, most)


def play(contracts: Build, seed: int) -> tuple[Figures, int]:
    """One dispute to its end, and the sum of both heights. Nobody outruns the honest party here."""
    chance = Random(seed)
    heights = chance.choice(HEIGHTS)
    dispute = Play(contracts, heights, chance.number(2, 1 << heights[0]))
    adversary = Adversary(dispute, chance)
    for _ in range(chance.number(5, 60)):
        match chance.number(0, 9):
            case 0 | 1:
                dispute.advance(chance.choice(WAITS))
            case 2:
                dispute.censor(chance.choice(WAITS))
            case 3 | 4 | 5:
                getattr(adversary, chance.choice(ATTACKS))()
            case _:
                getattr(adversary, chance.choice(MOVES))()
    return dispute.finish(), sum(heights)


def main() -> None:
    """Plays, and tells the extremes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plays", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    contracts = build()
    played = [play(contracts, seed) for seed in range(options.seed, options.seed + options.plays)]
    disputed = [(figures, height) for figures, height in played if figures.is_disputed]
    lies = [(figures, figures.false_roots + figures.false_step_roots) for figures, _ in disputed]
    print(f"{len(played)} disputes, {len(disputed)} with a rival of the true root, none lost")
    print(f"false roots: {sum(n for _, n in lies)}, at most {max(n for _, n in lies)} in one dispute")
    print(f"honest moves for each false root of either level: at most {max(f.moves / n for f, n in lies):.2f}")
    late = max(figures.late - figures.censored for figures, _ in disputed)
    print(f"confirmed at most {late} s after T and what censors took")
    gains = sorted((figures.gain // PRICE, figures.moves) for figures, _ in disputed)
    print(f"the honest party's balance at the end, in gas at its price: from {gains[0][0]:+,} to {gains[-1][0]:+,}")
    worst = min(gains, key=lambda pair: pair[0] / max(pair[1], 1))
    print(f"worst for each of its moves: {worst[0]:+,} gas after {worst[1]} moves")


if __name__ == "__main__":
    main()
