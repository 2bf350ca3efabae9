"""The coverage table: which steps (kind and outcome) the contracts have judged, in how many cases, how often.

`rows` declares every way in which a step can end, so that a row without a proof shows, and a step that ends in a way
that is not declared is an error.
"""

from collections.abc import Iterator
from pathlib import Path

from tandem.machine.opcodes import OPCODES, Opcode
from tandem.machine.precompiles import NAMES

TABLE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "coverage.md"
Row = tuple[str, str]
OK = ("ok",)
UNDERFLOW, OVERFLOW, OUT_OF_GAS = "stack underflow", "stack overflow", "out of gas"
STATIC = "write in a static call"
ACCESS = ("cold", "warm", "precompile")
SSTORE_CHANGES = ("no change", "set", "reset", "clear")
FREE = ("STOP", "INVALID")
"""Instructions that cannot run out of gas."""

ENDINGS: dict[str, tuple[str, ...]] = {
    "INVALID": ("undefined",),
    "JUMP": ("ok", "bad jump"),
    "JUMPI": ("jumps", "falls through", "bad jump"),
    "KECCAK256": ("ok", "long"),
    **{f"LOG{n}": ("ok", "long", STATIC) for n in range(5)},
    **dict.fromkeys(("CALLDATACOPY", "CODECOPY", "MCOPY"), ("ok", "no bytes")),
    **dict.fromkeys(("RETURN", "REVERT"), ("ok", "no bytes")),
    "RETURNDATACOPY": ("ok", "no bytes", "return data out of bounds"),
    "BALANCE": ACCESS,
    "EXTCODESIZE": ACCESS,
    "EXTCODEHASH": (*ACCESS, "no account"),
    "EXTCODECOPY": (*ACCESS, "no bytes"),
    "BLOCKHASH": ("found", "out of reach"),
    "BLOBHASH": ("found", "no blobs", "behind the last"),
    "SLOAD": ("cold", "warm"),
    "SSTORE": (*SSTORE_CHANGES, "rewrite", "restore", *(f"cold, {change}" for change in SSTORE_CHANGES), STATIC),
    "TSTORE": ("set", "clear", STATIC),
    "CALL": ("ok", "cold", "new account", "depth", "no balance", STATIC),
    "CALLCODE": ("ok", "cold", "depth", "no balance"),
    "DELEGATECALL": ("ok", "cold", "depth"),
    "STATICCALL": ("ok", "cold", "depth"),
    **dict.fromkeys(("CREATE", "CREATE2"), ("ok", "depth", "no balance", "no nonce", "init code too large", STATIC)),
    "SELFDESTRUCT": ("ok", "cold", "new account", "doomed", "burnt", STATIC),
}
"""How an instruction ends, beside what `halts` says; "ok" where it is not here."""

INVALID_INPUT = ("ecadd", "ecmul", "pairing", "blake2f", "point evaluation")
CAPPED = ("sha256", "ripemd160", "modexp", "pairing", "blake2f")
STEPS: dict[str, tuple[str, ...]] = {
    "BATCH_LOAD": ("ok", "forced", "malformed", "at the target"),
    "BATCH_CHECK": ("outer list", "block", "transaction", "block, last", "transaction, last", "unsound"),
    "BLOCK_BEGIN": ("ok", "forced", "batch over"),
    "MESSAGE_SCAN": ("taken", "no more", "no room"),
    "MESSAGE_LOAD": ("ok", "intrinsic gas", "no balance"),
    "TX_BEGIN": (
        "ok", "malformed", "unprotected", "gas_cap", "block_gas", "tip_above_cap", "fee_cap_below_base_fee",
        "init_code_size", "intrinsic_gas", "nonce_too_low", "nonce_too_high", "nonce_max", "insufficient_funds",
        "sender_not_eoa",
    ),
    "TX_WARM": ("call", "creation", "address", "address, known", "slot", "slot, known"),
    "CALL_ENTER": ("ok", "no code", "precompile"),
    "CREATE_ENTER": ("ok", "collision"),
    "COPY": ("from words", "from code", "zeros"),
    "KECCAK": ("ok", "hash", "log"),
    "PRECOMPILE": (
        *NAMES.values(),
        *(f"{name}: {OUT_OF_GAS}" for name in NAMES.values()),
        *(f"{name}: invalid input" for name in INVALID_INPUT),
        *(f"{name}: over the cap" for name in CAPPED),
    ),
    "FRAME_EXIT": ("success", "success, copies", "reverted", "reverted, copies", "halted"),
    "CODE_DEPOSIT": ("ok", "no code", OUT_OF_GAS, "code too large", "code begins with 0xEF"),
    "TX_END": ("signed", "message", "signed, to sweep", "message, to sweep"),
    "SELFDESTRUCT_SWEEP": ("more", "last"),
    "BLOCK_END": OK,
    "HALT": OK,
}  # fmt: skip
"""How the other kinds of step end."""


def halts(opcode: Opcode) -> tuple[str, ...]:
    """The exceptional halts that every instruction of this shape can come to."""
    found = [UNDERFLOW] if opcode.pops else []
    if opcode.pushes > opcode.pops:
        found.append(OVERFLOW)
    if opcode.name not in FREE:
        found.append(OUT_OF_GAS)
    return tuple(found)


def rows() -> list[Row]:
    """Every row, in the order of the table."""
    result = [(kind, outcome) for kind, outcomes in STEPS.items() for outcome in outcomes]
    for opcode in OPCODES:
        if opcode is not None:
            result += [(opcode.name, outcome) for outcome in (*ENDINGS.get(opcode.name, OK), *halts(opcode))]
    return [*result, *(("INVALID", outcome) for outcome in ENDINGS["INVALID"])]


class Coverage:
    """Counts by row: distinct cases, and steps."""

    def __init__(self) -> None:
        self._counts: dict[Row, list[int]] = {}

    def count(self, row: Row, cases: int, steps: int) -> None:
        """So many more."""
        counts = self._counts.setdefault(row, [0, 0])
        counts[0] += cases
        counts[1] += steps

    def add(self, other: "Coverage") -> None:
        """Those of another run too."""
        for row, (cases, steps) in other.counts():
            self.count(row, cases, steps)

    def counts(self) -> Iterator[tuple[Row, list[int]]]:
        """(row, [cases, steps])."""
        yield from self._counts.items()

    def of(self, row: Row) -> tuple[int, int]:
        """(cases, steps) of a row."""
        cases, steps = self._counts.get(row, (0, 0))
        return cases, steps

    def empty(self) -> list[Row]:
        """Rows without a proof."""
        return [row for row in rows() if not self.of(row)[1]]

    def undeclared(self) -> list[Row]:
        """What was seen and is no row."""
        declared = set(rows())
        return [row for row, _ in self.counts() if row not in declared]


HEAD = """# Coverage of the provable machine

Written by `make prove-state-tests` ([how](../how-to/prove-state-tests.md)): steps that the verifier contracts have
judged, to the hash that the stepper gives. A row is a kind of step, or an instruction, and a way in which it ends.
The scenarios are our own; they reach every row, those too that state tests cannot: batches, messages, L2's caps.

"""


def render(state_tests: Coverage, scenarios: Coverage) -> str:
    """The table as Markdown."""
    declared = rows()
    proven = [row for row in declared if state_tests.of(row)[1] or scenarios.of(row)[1]]
    steps = sum(state_tests.of(row)[1] + scenarios.of(row)[1] for row in declared)
    lines = [
        f"{len(proven)} of {len(declared)} rows are proven, by {steps:,} steps.",
        "",
        "| step | outcome | cases of state tests | their steps | scenarios | their steps |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for kind, outcome in declared:
        cells = (*state_tests.of((kind, outcome)), *scenarios.of((kind, outcome)))
        lines.append(f"| {kind} | {outcome} | " + " | ".join(f"{cell:,}" for cell in cells) + " |")
    return HEAD + "\n".join(lines) + "\n"
