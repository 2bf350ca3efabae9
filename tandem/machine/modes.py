"""The machine's modes, and the provers that judge the steps taken in them (machine.md, sections 1 and 3)."""

from enum import IntEnum


class Mode(IntEnum):
    """What the next step is about."""

    HALTED = 0
    BATCH = 1
    CHECK = 2
    BLOCK = 3
    SCAN = 4
    ITEM = 5
    WARM = 6
    CALL = 7
    CREATE = 8
    EXEC = 9
    COPY = 10
    KECCAK = 11
    PRECOMPILE = 12
    EXIT = 13
    DEPOSIT = 14
    END = 15
    SWEEP = 16


BOUNDARIES = frozenset({Mode.BATCH, Mode.BLOCK, Mode.ITEM})
"""Modes of level-0 states; HALTED ends them."""


class Prover(IntEnum):
    """Contracts behind the dispatcher, by the first byte of a witness."""

    COMPUTE = 0
    MEMORY_OPS = 1
    ENVIRONMENT = 2
    STORAGE = 3
    CALLS = 4
    FRAMES = 5
    PRECOMPILES = 6
    SPONGE = 7
    TRANSACTION_BEGIN = 8
    TRANSACTION_END = 9
    MESSAGES = 10
    BATCHES = 11
    BLOCKS = 12


class AccessTag(IntEnum):
    """What an entry of the access set says."""

    ADDRESS = 0
    SLOT = 1
    CREATED = 2


class Flag(IntEnum):
    """Bits of a block's flags."""

    UNPROTECTED = 1
    BURN_BASE_FEE = 2
    CAPPED_PRECOMPILES = 4


class ExitStatus(IntEnum):
    """How a frame ended."""

    HALTED = 0
    SUCCESS = 1
    REVERTED = 2
