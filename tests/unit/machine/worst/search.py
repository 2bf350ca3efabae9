"""The dearest form of each step, by search.

Each case builds a step from a few numbers; the search climbs over these numbers, from both ends and from random places,
and keeps the dearest it finds in found.json. test_costs.py judges what was found. To search again (some minutes):

    python -m tests.unit.machine.worst [NAME...] [--tries 60] [--seed 1]
"""

import argparse
import json
import random
from pathlib import Path

from tests.unit.machine.costs import (
    words,
)
from tests.unit.machine.on_inbox import OneChain, make_chain
from tests.unit.machine.worst.blocks import (
    begin_block,
    check_batch,
    end_block,
    halt,
    load_batch,
    load_message,
    scan_messages,
)
from tests.unit.machine.worst.case import Numbers, Worst
from tests.unit.machine.worst.frames import absorb, copy, deposit, enter_call, enter_creation, exit_frame
from tests.unit.machine.worst.instructions import (
    any_other,
    blob_hash,
    block_hash,
    calldata_load,
    calling,
    creating,
    hashing,
    jump_if,
    memory_access,
    of_account,
    own_balance,
    push32,
    self_destruct,
    storage,
    transient,
)
from tests.unit.machine.worst.precompiles import precompile_cases
from tests.unit.machine.worst.transactions import begin_transaction, end_transaction, sweep, warm_next

FOUND = Path(__file__).with_name("found.json")
LIMIT = 10_000_000
"""Gas that no step may exceed: an L1 transaction has 2^24 at most (EIP-7825), and a dispute's contract needs some."""

WORST: dict[str, Worst] = {
    "KECCAK256": hashing("KECCAK256"),
    "LOG4": hashing("LOG4", words(4, 20)),
    "MLOAD": memory_access("MLOAD"),
    "MSTORE": memory_access("MSTORE"),
    "CALLDATALOAD": calldata_load(),
    "PUSH32": push32(),
    "JUMPI": jump_if(),
    "BLOCKHASH": block_hash(),
    "BLOBHASH": blob_hash(),
    "any other instruction": any_other(),
    "SELFBALANCE": own_balance(),
    **{name: storage(name) for name in ("SLOAD", "SSTORE")},
    **{name: transient(name) for name in ("TLOAD", "TSTORE")},
    **{name: of_account(name) for name in ("BALANCE", "EXTCODESIZE", "EXTCODEHASH", "EXTCODECOPY")},
    **{name: calling(name) for name in ("CALL", "CALLCODE", "DELEGATECALL", "STATICCALL")},
    **{name: creating(name) for name in ("CREATE", "CREATE2")},
    "SELFDESTRUCT": self_destruct(),
    "CALL_ENTER": enter_call(),
    "CREATE_ENTER": enter_creation(),
    "FRAME_EXIT": exit_frame(),
    "CODE_DEPOSIT": deposit(),
    "COPY": copy(),
    "KECCAK": absorb(),
    **{f"PRECOMPILE, {name}": worst for name, worst in precompile_cases().items()},
    "TX_BEGIN": begin_transaction(),
    "TX_WARM": warm_next(),
    "TX_END": end_transaction(),
    "SELFDESTRUCT_SWEEP": sweep(),
    "BLOCK_BEGIN": begin_block(),
    "BLOCK_END": end_block(),
    "HALT": halt(),
    "MESSAGE_SCAN": scan_messages(),
    "MESSAGE_LOAD": load_message(),
    "BATCH_LOAD": load_batch(),
    "BATCH_CHECK": check_batch(),
}


def found() -> dict[str, Numbers]:
    """The numbers of the dearest step found, by name."""
    numbers: dict[str, Numbers] = json.loads(FOUND.read_text()) if FOUND.exists() else {}
    return numbers


def search(worst: Worst, chain: OneChain, known: Numbers | None, tries: int, rng: random.Random) -> tuple[Numbers, int]:
    """Both ends and some random places, then a climb from the best: one number at a time, far and near."""
    space = worst.space
    starts = [*worst.known, *([known] if known and known.keys() == space.keys() else [])]
    starts += [{name: bounds[end] for name, bounds in space.items()} for end in (0, 1)]
    best, gas = dict(starts[-1]), 0

    def attempt(numbers: Numbers) -> None:
        nonlocal best, gas
        measured = worst.measure(chain, numbers)[0].gas
        if measured > gas:
            best, gas = dict(numbers), measured

    for numbers in starts:
        attempt(numbers)
    for _ in range(tries // 4):
        attempt({name: rng.randint(*bounds) for name, bounds in space.items()})
    for _ in range(tries):
        name = rng.choice(list(space))
        low, high = space[name]
        near = best[name] + rng.choice((-1, 1)) * rng.choice((1, 1, 2, 7, 31, max((high - low) // 16, 1)))
        attempt(best | {name: max(low, min(high, rng.choice((low, high, rng.randint(low, high), near, near))))})
    return best, gas


def main() -> None:
    """Search and write down."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--tries", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    chain, known = make_chain(), found()
    for name in options.names or WORST:
        numbers, gas = search(WORST[name], chain, known.get(name), options.tries, random.Random(options.seed))
        known[name] = numbers
        print(f"{gas:>10,} {name}: {numbers}", flush=True)
        FOUND.write_text(json.dumps({key: known[key] for key in WORST if key in known}, indent=2) + "\n")
