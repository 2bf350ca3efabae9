"""Transactions in a batch: every reason to skip one, every type, access lists."""

from dataclasses import replace

from tandem.batch.packed import MAX_PACKED_BYTES, pack
from tandem.chain.spec import GenesisAccount
from tandem.evm.calls import MAX_INIT_CODE, MAX_NONCE
from tandem.inbox.queues import L1Context, Message
from tandem.primitives.hashing import keccak, word
from tandem.primitives.types import Gas, Hash, Seconds, Wei
from tandem.transactions.codec import UnsignedTransaction
from tandem.transactions.transaction import ACCESS_LIST, LEGACY
from tests.conformance.scenarios.stage import FEE, MOST_GAS, Stage
from tests.support.assembler import assemble
from tests.support.chain import ADDRESSES, ETHER, KEYS

ELSEWHERE = ADDRESSES[7]


def refusals(stage: Stage) -> None:
    """Each reason to skip a transaction, on a chain that takes none without a chain id."""
    for key, account in ((5, GenesisAccount(Wei(ETHER), MAX_NONCE)), (6, GenesisAccount(Wei(ETHER), code=b"\0"))):
        stage.accounts[ADDRESSES[key]] = account
    good = stage.unsigned(ELSEWHERE, gas=30_000)

    def refused(transaction: UnsignedTransaction, key: int = 0) -> None:
        stage.put(pack(transaction.sign(KEYS[key])))

    for packed in (b"", b"\x7f", b"\x80", b"no transaction", bytes(MAX_PACKED_BYTES), bytes(MAX_PACKED_BYTES + 1)):
        stage.put(packed)
    stage.put(pack(good.sign(KEYS[0])) + b"\0")
    refused(replace(good, type=LEGACY, chain_id=None))
    refused(replace(good, gas_limit=Gas(MOST_GAS + 1)))
    refused(replace(good, max_priority_fee=Wei(FEE + 1)))
    refused(replace(good, max_fee=Wei(1)))
    refused(replace(good, to=None, data=b"\x01" * (MAX_INIT_CODE + 1), gas_limit=MOST_GAS))
    refused(replace(good, gas_limit=Gas(20_999)))
    refused(replace(good, nonce=1))
    refused(replace(good, value=Wei(2_000 * ETHER)))
    refused(replace(good, nonce=MAX_NONCE), 5)
    refused(good, 6)
    stage.send(ELSEWHERE, gas=30_000)
    refused(good)
    waste = stage.contract(assemble("INVALID"))
    stage.send(waste, gas=15_000_000)
    refused(replace(stage.unsigned(ELSEWHERE), gas_limit=MOST_GAS))


def kinds(stage: Stage) -> None:
    """All types, with data and without, the largest among them; L1's base fee makes their bytes cost something."""
    origin = L1Context(3, keccak(b"origin"), Seconds(stage.inbox.time), Wei(2 * 10**8))
    stage.inbox.plant(Message(ADDRESSES[1], ADDRESSES[2], Wei(0), Wei(0), Gas(30_000), b"", origin))
    for _ in range(2):
        base = stage.unsigned(ELSEWHERE, gas=8_000_000, value=1, data=b"\0\x01" * 30)
        legacy = replace(base, type=LEGACY)
        listed = ((ELSEWHERE, (Hash(word(1)),)),)
        for nonce, transaction in enumerate(
            (legacy, replace(legacy, chain_id=None), replace(base, type=ACCESS_LIST, access_list=listed)), base.nonce
        ):
            stage.put(pack(replace(transaction, nonce=nonce).sign(KEYS[0])))
        stage.count(3)
    stage.send(ELSEWHERE, data=bytes(65_000))


def access_lists(stage: Stage) -> None:
    """Lists whose entries repeat, are empty, are many, name precompiles and the sender."""
    slots = tuple(Hash(word(index)) for index in (1, 2, 1, 300))
    reads = stage.contract(assemble(1, "SLOAD", 5, "SLOAD", int.from_bytes(ADDRESSES[6], "big"), "BALANCE"))
    lists = [
        ((reads, slots),),
        ((ADDRESSES[6], ()), (ADDRESSES[6], slots[:1]), (reads, ()), (reads, slots), (ADDRESSES[0], slots[:2])),
        tuple((ADDRESSES[index % 8], slots[: index % 3]) for index in range(12)),
    ]
    for access_list in lists:
        stage.send(reads, access_list=access_list, gas=400_000)
    stage.send(None, access_list=lists[1], gas=400_000)
