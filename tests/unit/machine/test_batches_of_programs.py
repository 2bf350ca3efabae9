"""Blocks of transactions and messages that call, create and destroy: one engine for a whole block, one for each
transaction, and the machine's steps come to the same end. Witnesses that were tampered with, or have bytes behind them,
come to no other."""

import random
from collections import Counter

import pytest

from tandem.batch.packed import pack
from tandem.batch.payload import PackedBlock, encode_batch
from tandem.chain.header import Header
from tandem.chain.predeploys import PREDEPLOYS, genesis_accounts
from tandem.chain.spec import FEE_VAULT, ChainParameters, Genesis, GenesisAccount
from tandem.evm.calls import contract_address
from tandem.evm.rules import TRANSACTION_GAS_CAP
from tandem.machine.modes import Mode, Prover
from tandem.machine.stepper import kind_of
from tandem.machine.stepping import Proven, take
from tandem.machine.trace import skip
from tandem.primitives.hashing import word
from tandem.primitives.types import ZERO_ADDRESS, Address, Gas, Hash, Seconds, Wei
from tandem.transactions.codec import UnsignedTransaction
from tandem.transactions.transaction import AccessList, SignedTransaction
from tests.support.chain import ADDRESSES, CHAIN_ID, ETHER, KEYS, START
from tests.support.revm import Reverted, call_data
from tests.unit.machine.on_inbox import InboxProvers, OneChain
from tests.unit.machine.programs import ABSENT, CONTRACTS, EMPTY, IDENTITY, any_code
from tests.unit.machine.support import VERIFY

SIGNERS = 4
JUDGED = 0.1
"""Part of the steps that the contracts judge."""
SEEDS = range(12)


def any_target(rng: random.Random) -> Address:
    return Address(rng.choice([*CONTRACTS, *CONTRACTS, EMPTY, *ABSENT, IDENTITY, ADDRESSES[1], FEE_VAULT]))


def any_list(rng: random.Random) -> AccessList:
    return tuple(
        (any_target(rng), tuple(Hash(word(rng.choice((0, 1, 2, 7)))) for _ in range(rng.randrange(4))))
        for _ in range(rng.randrange(4))
    )


def any_transaction(rng: random.Random, key: int, nonce: int) -> SignedTransaction:
    kind, creates = rng.randrange(3), rng.random() < 0.3
    fee = Wei(rng.choice((10**8, 10**9, 2 * 10**9)))
    return UnsignedTransaction(
        type=kind,
        chain_id=CHAIN_ID if kind or rng.random() < 0.7 else None,
        nonce=nonce,
        max_priority_fee=fee if kind < 2 else Wei(rng.choice((0, 10**7, fee))),
        max_fee=fee,
        gas_limit=Gas(rng.choice((60_000, 150_000, 700_000, 2_000_000))),
        to=None if creates else any_target(rng),
        value=Wei(rng.choice((0, 0, 1, 10**6, ETHER))),
        data=any_code(rng, 2, 4) if creates else rng.choice((b"", bytes(40), bytes(range(70)))),
        access_list=any_list(rng) if kind else (),
    ).sign(KEYS[key])


def any_genesis(rng: random.Random) -> Genesis:
    accounts = genesis_accounts(dict.fromkeys(PREDEPLOYS, b"\0"), ZERO_ADDRESS, ZERO_ADDRESS)
    accounts |= {address: GenesisAccount(Wei(5 * ETHER)) for address in ADDRESSES[:SIGNERS]}
    accounts[EMPTY] = GenesisAccount(Wei(0))
    for address in CONTRACTS:
        nonce = rng.choice((1, 1, 1, 2**64 - 1))
        accounts[address] = GenesisAccount(Wei(rng.choice((0, 5, 10**7))), nonce, any_code(rng, 2, 5))
    taken = Address(contract_address(ADDRESSES[3], rng.randrange(3)))
    accounts[taken] = rng.choice((GenesisAccount(Wei(3), storage=((1, 5),)), GenesisAccount(nonce=1)))
    return Genesis(Seconds(START), accounts)


def any_chain(seed: int) -> OneChain:
    """A chain with two batches in its inbox."""
    rng = random.Random(seed)
    parameters = ChainParameters(CHAIN_ID, gas_limit=TRANSACTION_GAS_CAP)
    chain = OneChain(InboxProvers(parameters), any_genesis(rng), parameters)
    nonces = [0] * SIGNERS
    for _ in range(2):
        for _ in range(rng.randrange(1, 4)):
            to = rng.choice((None, any_target(rng), any_target(rng)))
            chain.inbox.enqueue(
                rng.choice((ADDRESSES[5], ADDRESSES[6], ABSENT[0])),
                to,
                mint=rng.choice((0, ETHER)),
                value=rng.choice((0, 1, 10**6)),
                gas=rng.choice((150_000, 900_000)),
                data=any_code(rng, 2, 4) if to is None else b"\x07" * rng.choice((0, 33)),
            )
        blocks = []
        for _ in range(2):
            transactions = []
            for _ in range(rng.randrange(2, 6)):
                key = rng.randrange(SIGNERS)
                transactions.append(pack(any_transaction(rng, key, nonces[key])))
                nonces[key] += rng.random() < 0.95
            blocks.append(PackedBlock(rng.randrange(20), rng.randrange(3), tuple(transactions)))
        chain.inbox.submit(encode_batch(blocks))
    return chain


def walk(chain: OneChain, rng: random.Random) -> tuple[list[Hash], Hash, list[tuple[str, Proven]]]:
    """Step to the halt. Gives the blocks' hashes, the last state's, and the steps that were judged."""
    m = chain.machine()
    blocks, judged = [], []
    while m.mode != Mode.HALTED:
        kind = kind_of(m)
        if rng.random() < JUDGED:
            judged.append((kind.name, chain.provers.check(m, kind.prover, kind.function)))
        else:
            take(m, kind.function)
        if kind.name == "BLOCK_END":
            assert isinstance(m.block, Header)
            blocks.append(m.block.hash)
    return blocks, m.hash(), judged


@pytest.mark.parametrize("seed", SEEDS)
def test_programs_in_blocks_end_alike_by_all_three_ways(seed: int) -> None:
    chain = any_chain(seed)
    blocks, end, _ = walk(chain, random.Random(seed))
    assert blocks == [header.hash for headers in chain.derive() for header in headers]
    m = chain.machine()
    while m.mode != Mode.HALTED:
        skip(m)
    assert m.hash() == end


def tampered(rng: random.Random, tape: bytes) -> bytes:
    """A witness with a word moved, gone, doubled or zero: lengths and places that single bytes do not reach."""
    at, other = rng.randrange(len(tape) - 31), rng.randrange(len(tape) - 31)
    part = tape[other : other + 32]
    return rng.choice(
        (
            tape[:at] + part + tape[at + 32 :],
            tape[:at] + part + tape[at:],
            tape[:at] + tape[at + 32 :],
            tape[:at] + bytes(32) + tape[at + 32 :],
            tape[:at] + bytes(32) + tape[at:],
        )
    )


@pytest.mark.parametrize("seed", SEEDS[:4])
def test_no_tampered_witness_is_believed(seed: int) -> None:
    chain, rng = any_chain(seed), random.Random(seed)
    tried: Counter[str] = Counter()
    for name, proven in walk(chain, rng)[2]:
        for _ in range(4):
            tape = tampered(rng, proven.witness)
            if tape[0] != proven.witness[0] or tape == proven.witness:
                continue
            with pytest.raises(Reverted):
                chain.provers.verify(Prover(tape[0]), proven.before, tape[1:])
            tried[name] += 1
    assert len(tried) > 10, tried


@pytest.mark.parametrize("seed", SEEDS[:4])
def test_what_stands_behind_a_witness_decides_nothing(seed: int) -> None:
    """Calldata may go on behind the witness; what reads a word or a header ahead must not heed it."""
    chain, rng = any_chain(seed), random.Random(seed)
    for _, proven in walk(chain, rng)[2]:
        address = chain.provers.address(Prover(proven.witness[0]))
        tape = proven.witness[1:]
        data = call_data(VERIFY, proven.before, tape)
        assert data[100 : 100 + len(tape)] == tape
        for tail in (b"\xff" * 300, rng.randbytes(300)):
            assert chain.provers.revm.call(address, data[: 100 + len(tape)] + tail) == proven.after
