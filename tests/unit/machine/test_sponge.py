"""The sponge against hashing as a whole, and KECCAK against its contract."""

import random

import pytest

from tandem.machine.event_log import MAX_TOPICS
from tandem.machine.machine import Machine
from tandem.machine.modes import Mode, Prover
from tandem.machine.sponge import EMPTY_SPONGE, LANES, RATE, absorb, absorb_next, keccak_f, pack, pad, squeeze, unpack
from tandem.machine.stepping import prove, take
from tandem.machine.structures import HashJob
from tandem.primitives.hashing import address_word, keccak, word
from tests.support.revm import Reverted, Revm, call_data, decode_result
from tests.support.solidity import compile_contracts
from tests.unit.machine.support import CONTRACT, LOGS, Provers, make_machine

TOPICS = (7, 2**256 - 1, 0, 11)
LENGTHS = [0, 1, 8, 31, 32, 134, 135, 136, 137, 271, 272, 500]


@pytest.fixture(scope="module")
def harness() -> tuple[Revm, str]:
    revm = Revm()
    return revm, revm.deploy(compile_contracts("test/SpongeHarness.sol")["SpongeHarness"])


def _blocks(data: bytes) -> list[bytes]:
    whole = len(data) // RATE * RATE
    return [data[at : at + RATE] for at in range(0, whole, RATE)] + [pad(data[whole:])]


# -- the permutation and the sponge


@pytest.mark.parametrize("length", [*LENGTHS, *random.Random(1).sample(range(501, 5_000), 10)])
def test_a_sponge_hashes_as_keccak_does(length: int) -> None:
    data = random.Random(length).randbytes(length)
    lanes: tuple[int, ...] = EMPTY_SPONGE
    for block in _blocks(data):
        lanes = absorb(lanes, block)
    assert squeeze(lanes) == keccak(data)


def test_packing_keeps_all_lanes() -> None:
    lanes = [random.Random(i).getrandbits(64) for i in range(LANES)]
    assert unpack(pack(lanes)) == lanes
    assert pack(lanes)[6] == lanes[24]


def test_both_permute_alike(harness: tuple[Revm, str]) -> None:
    revm, address = harness
    some = random.Random(2)
    states = [[0] * LANES, [2**64 - 1] * LANES, *([some.getrandbits(64) for _ in range(LANES)] for _ in range(20))]
    for state in states:
        permuted, gas = decode_result(
            "uint256[25],uint256", revm.call(address, call_data("permute(uint256[25])", state))
        )
        assert list(permuted) == keccak_f(state)
        assert gas < 60_000


@pytest.mark.parametrize("length", [0, 135, 136, 300])
def test_both_absorb_and_squeeze_alike(harness: tuple[Revm, str], length: int) -> None:
    revm, address = harness
    data = random.Random(length).randbytes(length)
    lanes: tuple[int, ...] = EMPTY_SPONGE
    for block in _blocks(data):
        answer = revm.call(address, call_data("absorb(uint256[7],bytes)", lanes, block))
        lanes = absorb(lanes, block)
        assert decode_result("uint256[7]", answer) == lanes
    rest = data[len(data) // RATE * RATE :]
    assert decode_result("bytes", revm.call(address, call_data("pad(bytes)", rest))) == pad(rest)
    assert revm.call(address, call_data("squeeze(uint256[7])", lanes)) == keccak(data)


# -- the step


def _machine(size: int, offset: int = 5, topics: int = 0, lanes: tuple[int, ...] = EMPTY_SPONGE) -> Machine:
    """About to absorb `size` bytes of its memory."""
    memory = random.Random(size).randbytes(offset + size + 70)
    m = make_machine(b"\x20\x5b", (1, 2, 3), mode=Mode.KECCAK, memory=memory, pc=1, gas=5_000)
    assert m.frame is not None
    used = max(topics - 1, 0)
    words = tuple(topic if i < used else 0 for i, topic in enumerate(TOPICS))
    assert len(words) == MAX_TOPICS
    m.aux = HashJob(lanes, m.frame.memory, offset, size, topics, (words[0], words[1], words[2], words[3]))
    return m


def _hashed(m: Machine) -> bytes:
    job = m.aux
    assert isinstance(job, HashJob)
    return keccak(job.source.read(job.offset, job.size))


@pytest.mark.parametrize("size", LENGTHS)
@pytest.mark.parametrize("offset", [0, 5, 31])
def test_a_hash_is_absorbed_to_its_end(provers: Provers, size: int, offset: int) -> None:
    m = _machine(size, offset)
    expected = _hashed(m)
    outcomes = []
    while m.mode == Mode.KECCAK:
        outcomes.append(provers.check(m, Prover.SPONGE, absorb_next).outcome)
    assert outcomes == ["ok"] * (size // RATE) + ["hash"]
    assert m.mode == Mode.EXEC and m.aux is None and m.frame is not None
    assert m.frame.stack == [1, 2, 3, int.from_bytes(expected, "big")]
    assert (m.frame.pc, m.frame.gas) == (1, 5_000)


@pytest.mark.parametrize("topics", range(MAX_TOPICS + 1))
@pytest.mark.parametrize("size", [136, 200])
def test_a_log_is_appended_when_its_data_is_hashed(provers: Provers, topics: int, size: int) -> None:
    m = _machine(size, topics=topics + 1)
    data_hash = _hashed(m)
    provers.check(m, Prover.SPONGE, absorb_next)
    assert provers.check(m, Prover.SPONGE, absorb_next).outcome == "log"
    words = [*TOPICS[:topics], *[0] * (MAX_TOPICS - topics)]
    body = address_word(CONTRACT) + word(topics) + b"".join([word(topic) for topic in words]) + data_hash
    assert m.mode == Mode.EXEC and m.world is not None and m.frame is not None
    assert m.world.log_acc == keccak(LOGS[0] + keccak(body)) and m.world.log_count == LOGS[1] + 1
    assert m.frame.stack == [1, 2, 3]


def test_a_long_hash_is_that_of_keccak() -> None:
    m = _machine(70_000)
    expected = _hashed(m)
    steps = 0
    while m.mode == Mode.KECCAK:
        take(m, absorb_next)
        steps += 1
    assert steps == 70_000 // RATE + 1 and m.frame is not None
    assert m.frame.stack[-1] == int.from_bytes(expected, "big")


def test_another_mode_is_refused(provers: Provers) -> None:
    proven = prove(_machine(300), Prover.SPONGE, absorb_next)
    for mode in Mode:
        if mode != Mode.KECCAK:
            m = _machine(300)
            m.mode = mode
            tape = m.words() + proven.witness[1 + 7 * 32 :]
            with pytest.raises(Reverted, match="WrongMode"):
                provers.verify(Prover.SPONGE, m.hash(), tape)


@pytest.mark.parametrize(("size", "topics"), [(300, 0), (135, 0), (0, 0), (136, 1), (100, 1), (1, 5), (0, 3)])
def test_no_damaged_witness_gives_the_right_hash(provers: Provers, size: int, topics: int) -> None:
    lanes = pack([random.Random(i).getrandbits(64) for i in range(LANES)])
    proven = prove(_machine(size, topics=topics, lanes=lanes), Prover.SPONGE, absorb_next)
    done = provers.damage(proven)
    assert done.reverted > 1_000 and not done.other


@pytest.mark.parametrize(("size", "topics"), [(300, 0), (77, 0), (77, 3)])
def test_want_of_gas_never_gives_another_hash(provers: Provers, size: int, topics: int) -> None:
    proven = prove(_machine(size, topics=topics), Prover.SPONGE, absorb_next)
    assert provers.starve(proven, 100) > 90
    assert provers.gas(proven) < 120_000


def test_a_wrong_state_is_refused(provers: Provers) -> None:
    proven = prove(_machine(300), Prover.SPONGE, absorb_next)
    with pytest.raises(Reverted, match="WrongPreState"):
        provers.verify(Prover.SPONGE, keccak(proven.before), proven.witness[1:])
