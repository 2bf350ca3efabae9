"""The dearest forms of the steps around a transaction."""

from dataclasses import replace

from tandem.batch.packed import MAX_PACKED_BYTES, pack
from tandem.chain.header import Header
from tandem.chain.spec import GenesisAccount
from tandem.machine import (
    transaction_begin,
    transaction_end,
)
from tandem.machine.modes import AccessTag, Mode, Prover
from tandem.machine.state_trees import access_key
from tandem.machine.structures import (
    End,
    Warm,
)
from tandem.machine.word_tree import Slice
from tandem.primitives import rlp
from tandem.primitives.hashing import keccak, word
from tandem.primitives.types import ZERO_HASH, Address, Gas, Hash, Wei
from tandem.state.database import address_key
from tests.unit.machine.costs import (
    DEAD,
    DEEPEST,
    crowded_tree,
    grow,
    noise,
    usual,
    usual_code,
)
from tests.unit.machine.on_inbox import OneChain
from tests.unit.machine.support import BLOCK, ORIGIN, TX, VAULT
from tests.unit.machine.test_transaction_begin import Case as Sent
from tests.unit.machine.test_transaction_begin import machine_at
from tests.unit.machine.worst.case import LEVELS, THERE, WORD, Numbers, Step, Worst, deepen, shape_of, warm


def begin_transaction() -> Worst:
    """As long as a packed transaction may be: access list first, data in what is left."""

    def build(_: OneChain, numbers: Numbers) -> Step:
        entries = []
        room = MAX_PACKED_BYTES - 150 - numbers["data"]
        for index in range(numbers["entries"]):
            slots = min(numbers["slots"], max(room - 29, 0) // 33)
            keys = tuple(Hash(noise(32, 100 * index + slot)) for slot in range(slots))
            room -= len(rlp.encode([DEAD, list(keys)]))
            if room < 0:
                break
            entries.append((Address(noise(20, 7_000 + index)), keys))
        data = noise(numbers["data"])
        sent = Sent(
            {"gas_limit": Gas(2**24), "access_list": tuple(entries), "data": data, "type": numbers["type"]}
            | ({} if numbers["type"] else {"access_list": ()}),
            {"origin_base_fee": Wei(1), "gas_used": Gas(0)},
            GenesisAccount(Wei(10**24), 4),
        )
        transaction = sent.transaction()
        packed = pack(transaction)
        m = machine_at(rlp.encode(packed), sent.block_state(), sent.sender, before=b"\1" * numbers["before"])
        block = m.block
        assert not isinstance(block, Header)
        root = grow(m.chain.nodes, block.state_root, {address_key(transaction.sender): shape_of(numbers)})
        m.block = replace(block, state_root=root)
        return m, Prover.TRANSACTION_BEGIN, transaction_begin.begin

    space = {"data": (0, 65_300), "entries": (0, 2_850), "slots": (0, 1_980), "type": (0, 2), "before": (0, 190_000)}
    levels = {"levels": DEEPEST, "shared": DEEPEST, "type": 2, "before": 190_000}
    starts = ((0, 2_850, 0), (0, 2_850, 1), (0, 1, 1_980))
    known = tuple(levels | {"data": data, "entries": entries, "slots": slots} for data, entries, slots in starts)
    return Worst(LEVELS | space, build, known)


def warm_next() -> Worst:
    """An address of the list, a slot of it, or its end."""

    def build(_: OneChain, numbers: Numbers) -> Step:
        position, who = numbers["position"], DEAD
        m = usual(usual_code(b"\x5b"), mode=Mode.WARM)
        entry = rlp.encode([who, [word(WORD)] * numbers["slots"]]) if numbers["what"] else b"\xa0" + word(WORD)
        data = crowded_tree(entry, position, 8_192)
        m.cursor = replace(m.cursor, data=Slice.of(data, 0, 8_192 * 32))
        m.frame = None
        end = position + len(entry)
        key = access_key(AccessTag.ADDRESS, who) if numbers["what"] else access_key(AccessTag.SLOT, who, WORD)
        if numbers["what"] == 2:
            position = end = 0
        m.aux = Warm(position, end, 0 if numbers["what"] else end, who, 500_000)
        if numbers["warm"]:
            warm(m, key)
        return deepen(m, numbers, access=(key,)), Prover.TRANSACTION_END, transaction_end.warm_next

    space = {"position": (0, 190_000), "slots": (0, 1_900), "what": (0, 2), "warm": (0, 1)}
    return Worst(LEVELS | space, build)


def end_transaction() -> Worst:
    def build(_: OneChain, numbers: Numbers) -> Step:
        m = usual(usual_code(b"\x5b"), mode=Mode.END, tx=replace(TX, kind=2))
        m.frame = None
        m.aux = End(1, numbers["gas left"])
        assert m.world is not None
        m.world = replace(m.world, doomed=keccak(b"doomed") if numbers["doomed"] else ZERO_HASH)
        coinbase = VAULT if numbers["vault"] else DEAD
        m.block = replace(BLOCK, coinbase=coinbase)
        return deepen(m, numbers, (ORIGIN, coinbase)), Prover.TRANSACTION_END, transaction_end.end

    return Worst(LEVELS | {"gas left": (0, 1_000_000), "doomed": (0, 1), "vault": (0, 1)}, build)


def sweep() -> Worst:
    def build(_: OneChain, numbers: Numbers) -> Step:
        m = usual(usual_code(b"\x5b"), mode=Mode.SWEEP)
        doomed = THERE if numbers["there"] else DEAD
        link = (keccak(b"more") if numbers["more"] else ZERO_HASH) + doomed.rjust(32, b"\0")
        m.chain.nodes.put(keccak(link), link)
        assert m.world is not None
        m.world = replace(m.world, doomed=keccak(link))
        m.frame = m.tx = None
        return deepen(m, numbers, (doomed,)), Prover.TRANSACTION_END, transaction_end.sweep

    return Worst(LEVELS | {"there": (0, 1), "more": (0, 1)}, build)
