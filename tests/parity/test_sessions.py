"""Application sessions: names, digests and rules in Python and in the contracts, for states of games and any bytes."""

from __future__ import annotations

from typing import Any

import ape
import pytest
from eth_utils import to_checksum_address
from hypothesis import given
from hypothesis import strategies as st

from tandem.channels.sessions import LEAST_TIMEOUT, AppDomain, Session, SignedState
from tandem.channels.signing import sign_digest
from tandem.channels.tic_tac_toe import CELLS, HEAD, TicTacToe
from tandem.errors import EncodingError
from tandem.primitives.hashing import keccak
from tandem.primitives.secp256k1 import address_of
from tandem.primitives.types import Address, Seconds
from tests.parity.test_channels import by_library
from tests.parity.values import PROPERTY, hashes32

KEYS = keccak(b"one"), keccak(b"other")
STAKE = st.integers(0, 2**128 - 1)
RULES = TicTacToe()
cells = st.lists(st.integers(0, 2), min_size=CELLS, max_size=CELLS).map(bytes)
boards = st.builds(lambda stake, board: RULES.terms(stake) + board, STAKE, cells)
malformed = st.binary(max_size=40) | st.builds(lambda board: bytes(HEAD) + board, st.binary(min_size=9, max_size=9))


@pytest.fixture(scope="session")
def game(project: Any, deployer: Any) -> Any:
    return deployer.deploy(project.TicTacToe)


@pytest.fixture(scope="session")
def registry(project: Any, deployer: Any) -> Any:
    return deployer.deploy(project.AppRegistry)


@st.composite
def steps(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """A state, and one behind it that may be a turn, or nearly."""
    before = draw(boards)
    after = bytearray(before)
    for _ in range(draw(st.integers(0, 2))):
        after[draw(st.integers(HEAD - 1, HEAD + CELLS - 1))] = draw(st.integers(0, 2))
    return before, bytes(after)


def either(call: Any, *arguments: Any) -> Any:
    """What it gives, or that it gives nothing."""
    try:
        return call(*arguments)
    except (EncodingError, ape.exceptions.ContractLogicError):
        return "nothing"


@PROPERTY
@given(hashes32, st.binary(max_size=100), st.integers(0, 2**64 - 1))
def test_what_python_signs_the_registry_takes(registry, game, deployer, salt, terms, turn):
    """Session id, references and digest: the state is put down under the id that we work out."""
    one, other = map(address_of, KEYS)
    session = Session(one, other, Address(bytes.fromhex(game.address[2:])), Seconds(600), salt, terms)
    domain = AppDomain(ape.chain.chain_id, Address(bytes.fromhex(registry.address[2:])))
    state = RULES.terms(7) + bytes(CELLS)
    digest = domain.state(session.id, turn, state)
    signed = SignedState(turn, state, (sign_digest(digest, KEYS[0]), sign_digest(digest, KEYS[1])))
    with ape.chain.isolate():
        registry.put(abi(session), signed.turn, signed.state, *signed.signatures, sender=deployer)
        record = registry.getSession(session.id)
        assert (record.turn, bytes(record.stateHash), record.isAgreed) == (turn, keccak(state), True)
    assert digest == by_library(domain, "AppState", sessionId=session.id, turn=turn, stateHash=keccak(state))


def test_a_payout_is_found_under_its_reference(registry, game, deployer):
    one, other = map(address_of, KEYS)
    session = Session(one, other, Address(bytes.fromhex(game.address[2:])), Seconds(600), keccak(b"a"), RULES.terms(7))
    domain = AppDomain(ape.chain.chain_id, Address(bytes.fromhex(registry.address[2:])))
    end = RULES.terms(7) + bytes([1, 1, 1, 2, 2, 0, 0, 0, 0])
    signatures = [sign_digest(domain.state(session.id, 5, end), key) for key in KEYS]
    registry.put(abi(session), 5, end, *signatures, sender=deployer)
    registry.resolve(abi(session), end, sender=deployer)
    assert [registry.payoutOf(session.ref(player)) for player in (0, 1)] == [7, 0]


def test_a_player_has_the_same_least_time(registry):
    assert registry.LEAST_TIMEOUT() == LEAST_TIMEOUT


@PROPERTY
@given(boards | malformed, st.booleans())
def test_states_mean_the_same(game, state, has_timed_out):
    assert either(game.mover, state) == either(RULES.mover, state)
    is_over, *payouts = either(game.outcome, state, has_timed_out) if not is_malformed(state) else (False,)
    if is_malformed(state):
        assert either(game.outcome, state, has_timed_out) == "nothing" == either(RULES.outcome, state, has_timed_out)
    else:
        assert (tuple(payouts) if is_over else None) == RULES.outcome(state, has_timed_out)


@PROPERTY
@given(steps() | st.tuples(boards | malformed, boards | malformed))
def test_turns_are_the_same(game, step):
    assert either(game.isValidTransition, *step) == either(RULES.is_valid_transition, *step)


@PROPERTY
@given(st.binary(min_size=14, max_size=18))
def test_games_start_the_same(game, terms):
    assert either(lambda: bytes(game.start(terms))) == either(RULES.start, terms)


def is_malformed(state: bytes) -> bool:
    return either(RULES.mover, state) == "nothing"


def abi(session: Session) -> tuple[Any, ...]:
    players = map(to_checksum_address, (session.player0, session.player1, session.app))
    return *players, session.timeout, session.salt, session.terms
