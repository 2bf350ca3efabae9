"""The dearest forms of instructions."""

from collections.abc import Sequence
from dataclasses import replace

from tandem.machine.modes import AccessTag, Prover
from tandem.machine.opcodes import OPCODES
from tandem.machine.state_trees import access_key, transient_key
from tandem.machine.word_tree import Slice, WordTree
from tandem.primitives.hashing import keccak
from tandem.primitives.types import Hash, Wei
from tandem.state.account import EMPTY_ACCOUNT
from tandem.state.database import address_key, slot_key
from tests.unit.machine.costs import (
    DEAD,
    crowded_tree,
    grow,
    noise,
    put_account,
    put_slot,
    read_record,
    usual_code,
    words,
)
from tests.unit.machine.on_inbox import OneChain
from tests.unit.machine.support import BLOCK, CONTRACT, TX
from tests.unit.machine.worst.case import (
    CODE,
    LEVELS,
    MAX_HASHED,
    MAX_INIT_CODE,
    MEMORY_WORDS,
    THERE,
    WORD,
    Numbers,
    Step,
    Worst,
    at_opcode,
    deepen,
    number_of,
    shape_of,
    warm,
)


def hashing(name: str, topics: Sequence[int] = ()) -> Worst:
    """KECCAK256 and LOGn: memory as long as one step hashes, amid other memory."""

    def build(_: OneChain, numbers: Numbers) -> Step:
        size, offset = numbers["size"], numbers["offset"]
        total = max(numbers["memory words"], (offset + size + 31) // 32)
        memory = crowded_tree(noise(size), offset, total)
        return at_opcode(name, numbers, (offset, size, *topics), memory=memory)

    return Worst(CODE | {"size": (0, MAX_HASHED), "offset": (0, 1 << 21), "memory words": (0, MEMORY_WORDS)}, build)


def memory_access(name: str) -> Worst:
    """MLOAD, MSTORE: a word across two."""

    def build(_: OneChain, numbers: Numbers) -> Step:
        offset = numbers["offset"]
        memory = crowded_tree(noise(64), offset & ~31, max(numbers["memory words"], offset // 32 + 2))
        return at_opcode(name, numbers, (offset, WORD)[: 1 if name == "MLOAD" else 2], memory=memory)

    return Worst(CODE | {"offset": (0, 1 << 21), "memory words": (0, MEMORY_WORDS)}, build)


def calldata_load() -> Worst:
    def build(_: OneChain, numbers: Numbers) -> Step:
        start = numbers["offset"]
        view = Slice.of(crowded_tree(noise(64), start & ~31, numbers["words"] + start // 32), start, 64)
        return at_opcode("CALLDATALOAD", numbers, (numbers["from"],), calldata=view)

    return Worst(CODE | {"offset": (0, 1 << 21), "words": (3, MEMORY_WORDS), "from": (0, 100)}, build)


def push32() -> Worst:
    def build(_: OneChain, numbers: Numbers) -> Step:
        return at_opcode("PUSH32", numbers, data=noise(32))

    return Worst(CODE, build)


def jump_if() -> Worst:
    def build(_: OneChain, numbers: Numbers) -> Step:
        size = numbers["code size"]
        code = usual_code(b"\x57", size, min(numbers["pc"], size - 1))
        target = code.find(b"\x5b", numbers["target"] % size)
        return at_opcode("JUMPI", numbers, (max(target, 0), 1))

    return Worst(CODE | {"code size": (700, MAX_INIT_CODE), "target": (0, MAX_INIT_CODE)}, build)


def block_hash() -> Worst:
    recent = WordTree(noise(32 * 256, 8), 8)

    def build(_: OneChain, numbers: Numbers) -> Step:
        block = replace(BLOCK, number=300, recent_hashes=recent.root())
        m, prover, function = at_opcode("BLOCKHASH", numbers, (300 - numbers["back"],), block=block)
        for past in range(44, 300):
            m.chain.ancestry.add(past, recent.node(0, past % 256))
        return m, prover, function

    return Worst(CODE | {"back": (0, 257)}, build)


def blob_hash() -> Worst:
    def build(_: OneChain, numbers: Numbers) -> Step:
        hashes = noise(32 * numbers["count"], 4)
        tx = replace(TX, blob_hashes=keccak(hashes))
        m, prover, function = at_opcode("BLOBHASH", numbers, (numbers["index"],), tx=tx)
        m.chain.nodes.put(keccak(hashes), hashes)
        return m, prover, function

    return Worst(CODE | {"count": (1, 255), "index": (0, 256)}, build)


STUDIED = {
    "KECCAK256", "LOG4", "MLOAD", "MSTORE", "CALLDATALOAD", "PUSH32", "JUMPI", "BLOCKHASH", "BLOBHASH", "BALANCE",
    "EXTCODESIZE", "EXTCODEHASH", "EXTCODECOPY", "SELFBALANCE",
}  # fmt: skip
"""Instructions of the first three provers with a case of their own."""


def any_other() -> Worst:
    """Instructions whose cost hangs on no state and on little data: which of them is one of the numbers."""
    provers = (Prover.COMPUTE, Prover.ENVIRONMENT, Prover.MEMORY_OPS)
    others = [item for item in OPCODES if item is not None and item.prover in provers and item.name not in STUDIED]

    def build(_: OneChain, numbers: Numbers) -> Step:
        opcode = others[numbers["opcode"]]
        data = noise(opcode.number - 0x5F) if opcode.name.startswith("PUSH") else b""
        in_memory = opcode.prover == Prover.MEMORY_OPS
        operands = (66, 31, 64, WORD, WORD, WORD)[: opcode.pops] if in_memory else words(opcode.pops, 5)
        return at_opcode(opcode.name, numbers, operands, data)

    return Worst(CODE | {"opcode": (0, len(others) - 1)}, build)


def own_balance() -> Worst:
    def build(_: OneChain, numbers: Numbers) -> Step:
        m, prover, function = at_opcode("SELFBALANCE", numbers)
        return deepen(m, numbers, (CONTRACT,)), prover, function

    return Worst(CODE | LEVELS, build)


def storage(name: str) -> Worst:
    """SLOAD and SSTORE. A value: 0 none, 1 and 2 two others."""
    slot, values = 7_777, (0, WORD, WORD ^ 1)

    def build(_: OneChain, numbers: Numbers) -> Step:
        operands = (slot,) if name == "SLOAD" else (slot, values[numbers["value"]])
        m, prover, function = at_opcode(name, numbers, operands)
        assert m.world is not None and m.tx is not None
        nodes, shape = m.chain.nodes, shape_of(numbers)

        def deep(root: Hash, value: int, seed: int) -> Hash:
            root = put_slot(nodes, root, CONTRACT, slot, value)
            account = read_record(nodes, root, CONTRACT)
            account = replace(account, storage_root=grow(nodes, account.storage_root, {slot_key(slot): shape}, seed))
            root = put_account(nodes, root, CONTRACT, account)
            return grow(nodes, root, {address_key(CONTRACT): shape}, seed)

        m.tx = replace(m.tx, start_root=deep(m.tx.start_root, values[numbers.get("original", 0)], 4))
        m.world = replace(m.world, state_root=deep(m.world.state_root, values[numbers["current"]], 5))
        key = access_key(AccessTag.SLOT, CONTRACT, slot)
        if numbers["warm"]:
            warm(m, key)
        return deepen(m, numbers, access=(key,)), prover, function

    space = CODE | LEVELS | {"current": (0, 2), "warm": (0, 1)}
    return Worst(space | ({"original": (0, 2), "value": (0, 2)} if name == "SSTORE" else {}), build)


def transient(name: str) -> Worst:
    def build(_: OneChain, numbers: Numbers) -> Step:
        slot = 4 if numbers["there"] else 44
        operands = (slot,) if name == "TLOAD" else (slot, WORD * numbers["value"])
        m, prover, function = at_opcode(name, numbers, operands)
        return deepen(m, numbers, transient=(transient_key(CONTRACT, slot),)), prover, function

    return Worst(CODE | LEVELS | {"there": (0, 1)} | ({"value": (0, 1)} if name == "TSTORE" else {}), build)


def of_account(name: str) -> Worst:
    def build(_: OneChain, numbers: Numbers) -> Step:
        who = THERE if numbers["there"] else DEAD
        tail = () if name != "EXTCODECOPY" else (0, 0, 1_000)
        m, prover, function = at_opcode(name, numbers, (number_of(who), *tail))
        key = access_key(AccessTag.ADDRESS, who)
        if numbers["warm"]:
            warm(m, key)
        return deepen(m, numbers, (who,), (key,)), prover, function

    return Worst(CODE | LEVELS | {"there": (0, 1), "warm": (0, 1)}, build)


def calling(name: str) -> Worst:
    def build(_: OneChain, numbers: Numbers) -> Step:
        who = THERE if numbers["there"] else DEAD
        value = (10**15 * numbers["value"],) if name in ("CALL", "CALLCODE") else ()
        m, prover, function = at_opcode(name, numbers, (500_000, number_of(who), *value, 0, 100, 0, 100))
        key = access_key(AccessTag.ADDRESS, who)
        if numbers["warm"]:
            warm(m, key)
        return deepen(m, numbers, (who, CONTRACT), (key,)), prover, function

    return Worst(CODE | LEVELS | {"there": (0, 1), "warm": (0, 1), "value": (0, 1)}, build)


def creating(name: str) -> Worst:
    def build(_: OneChain, numbers: Numbers) -> Step:
        salt = (WORD,) if name == "CREATE2" else ()
        m, prover, function = at_opcode(name, numbers, (1, 64, 1_500, *salt))
        return deepen(m, numbers, (CONTRACT,)), prover, function

    return Worst(CODE | LEVELS, build)


def self_destruct() -> Worst:
    def build(_: OneChain, numbers: Numbers) -> Step:
        heir = (THERE, DEAD, CONTRACT)[numbers["heir"]]
        m, prover, function = at_opcode("SELFDESTRUCT", numbers, (number_of(heir),))
        nodes = m.chain.nodes
        assert m.world is not None
        if numbers["bare"]:  # nothing but wei: without them it is empty, and goes
            account = replace(EMPTY_ACCOUNT, balance=Wei(10**18))
            m.world = replace(m.world, state_root=put_account(nodes, m.world.state_root, CONTRACT, account))
        keys = [access_key(AccessTag.ADDRESS, heir), access_key(AccessTag.CREATED, CONTRACT)]
        if numbers["created"]:
            warm(m, keys[1])
        if numbers["warm"]:
            warm(m, keys[0])
        return deepen(m, numbers, list({heir, CONTRACT}), keys), prover, function

    return Worst(
        CODE | LEVELS | {"heir": (0, 2), "bare": (0, 1), "created": (0, 1), "warm": (0, 1)},
        build,
    )
