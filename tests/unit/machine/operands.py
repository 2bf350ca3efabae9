"""Operands that instructions are tried with: the edges first, then anything."""

import random

EDGES = (
    0, 1, 2, 3, 5, 7, 8, 30, 31, 32, 33, 63, 64, 127, 128, 255, 256, 257, 1_023, 1_024, 65_535, 65_536,
    2**17 * 32 - 33, 2**17 * 32 - 32, 2**17 * 32 - 31, 2**17 * 32,
    2**31, 2**32 - 32, 2**32 - 1, 2**32, 2**63, 2**64 - 32, 2**64 - 1, 2**64, 2**64 + 1, 2**128 - 1, 2**128, 2**160,
    2**248, 2**252, 2**253, 2**254, 2**255 - 1, 2**255, 2**255 + 1, 2**256 - 2**64, 2**256 - 256, 2**256 - 33,
    2**256 - 32, 2**256 - 31, 2**256 - 2, 2**256 - 1,
)  # fmt: skip


def any_word(rng: random.Random) -> int:
    """An edge, or a number of random length and sign."""
    kind = rng.randrange(4)
    if kind == 0:
        return rng.choice(EDGES)
    value = rng.getrandbits(rng.randrange(257))
    return 2**256 - 1 - value if kind == 1 else value


def any_place(rng: random.Random, near: int = 300) -> int:
    """An offset or a size: mostly small, sometimes an edge."""
    return rng.choice(EDGES) if rng.randrange(6) == 0 else rng.randrange(near)
