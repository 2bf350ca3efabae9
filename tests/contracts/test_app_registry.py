"""AppRegistry with a real game: sessions without dispute, moves on chain, silence; and a channel that pays by it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import ape
import pytest
from eth_utils import keccak

from tandem.channels.states import Lane, Lock, LockKind
from tests.contracts.channel_table import CHANNEL_WINDOW, Pair, address, sign_with
from tests.contracts.tree_model import abi_hash
from tests.contracts.world import now, pass_time

NONE, DISPUTED, RESOLVED = range(3)
STAKE, TIMEOUT = 250, 600
EMPTY = ".........".replace(".", "\0").encode()


def board(picture: str) -> bytes:
    """A state: X is player 0, O is player 1."""
    return STAKE.to_bytes(16, "big") + bytes("XO".find(cell) + 1 for cell in picture.replace(" ", ""))


@dataclass
class Match:
    """A session of the game between two accounts."""

    registry: Any
    game: Any
    players: tuple[Any, Any]
    salt: bytes = field(default=keccak(b"match"))
    timeout: int = TIMEOUT

    @property
    def abi(self) -> tuple:
        terms = STAKE.to_bytes(16, "big")
        return (self.players[0].address, self.players[1].address, self.game.address, self.timeout, self.salt, terms)

    @property
    def id(self) -> bytes:
        return abi_hash(["(address,address,address,uint32,bytes32,bytes)"], [self.abi])

    def ref(self, player: int) -> bytes:
        """What a lock refers to that pays this player."""
        return abi_hash(["bytes32", "uint256"], [self.id, player])

    def digest(self, turn: int, state: bytes) -> bytes:
        domain_type = b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
        domain = abi_hash(
            ["bytes32", "bytes32", "bytes32", "uint256", "address"],
            [keccak(domain_type), keccak(b"Tandem Apps"), keccak(b"1"), ape.chain.chain_id, self.registry.address],
        )
        state_type = keccak(b"AppState(bytes32 sessionId,uint64 turn,bytes32 stateHash)")
        struct = abi_hash(["bytes32", "bytes32", "uint64", "bytes32"], [state_type, self.id, turn, keccak(state)])
        return keccak(b"\x19\x01" + domain + struct)

    def put(self, turn: int, state: bytes, sender: Any, by: tuple[Any, Any] | None = None) -> Any:
        signatures = [sign_with(player, self.digest(turn, state)) for player in by or self.players]
        return self.registry.put(self.abi, turn, state, *signatures, sender=sender)

    def move(self, turn: int, before: bytes, after: bytes, by: Any, sender: Any) -> Any:
        return self.registry.move(self.abi, before, after, sign_with(by, self.digest(turn, after)), sender=sender)

    def payouts(self) -> tuple[int, int]:
        return self.registry.payoutOf(self.ref(0)), self.registry.payoutOf(self.ref(1))


@pytest.fixture(scope="session")
def game(project, deployer):
    return deployer.deploy(project.TicTacToe)


@pytest.fixture(scope="session")
def registry(project, channel_manager):
    return project.AppRegistry.at(channel_manager.outcomes())


@pytest.fixture
def match(registry, game, alice, bob):
    return Match(registry, game, (alice, bob))


BEFORE_LAST = board("XX. OO. ...")


class TestRules:
    def test_begin_with_an_empty_board(self, game):
        assert bytes(game.start(STAKE.to_bytes(16, "big"))) == board("... ... ...")
        with ape.reverts(game.Malformed):
            game.start(b"\1")

    def test_players_take_turns(self, game):
        assert [game.mover(board(cells)) for cells in ("... ... ...", "X.. ... ...", "X.. .O. ...")] == [0, 1, 0]

    @pytest.mark.parametrize(
        ("before", "after", "valid"),
        [
            ("... ... ...", "... .X. ...", True),
            ("... ... ...", "... .O. ...", False),
            ("... ... ...", "X.. .X. ...", False),
            ("... ... ...", "... ... ...", False),
            ("X.. ... ...", "O.. ... ...", False),
            ("X.. ... ...", "X.O ... ...", True),
            ("XXX OO. ...", "XXX OOO ...", False),
        ],
    )
    def test_a_turn_is_one_mark_on_a_free_cell(self, game, before, after, valid):
        assert game.isValidTransition(board(before), board(after)) == valid

    def test_the_stake_stays(self, game):
        richer = (STAKE + 1).to_bytes(16, "big") + board("X.. ... ...")[16:]
        assert not game.isValidTransition(board("... ... ..."), richer)

    @pytest.mark.parametrize(
        "row",
        [
            "XXX OO. ...",
            "OO. XXX ...",
            "OO. ... XXX",
            "XO. XO. X..",
            "OX. OX. .X.",
            "OOX ..X ..X",
            "XOO .X. ..X",
            "OOX .X. X..",
        ],
    )
    def test_three_in_a_row_win(self, game, row):
        assert tuple(game.outcome(board(row), False)) == (True, STAKE, 0)

    def test_either_player_can_have_them(self, game):
        assert tuple(game.outcome(board("OOO XX. X.."), False)) == (True, 0, STAKE)

    def test_a_full_board_is_a_draw(self, game):
        assert tuple(game.outcome(board("XOX XOO OXX"), False)) == (True, 0, 0)

    def test_who_is_silent_loses(self, game):
        assert tuple(game.outcome(board("X.. ... ..."), False)) == (False, 0, 0)
        assert tuple(game.outcome(board("X.. ... ..."), True)) == (True, STAKE, 0)
        assert tuple(game.outcome(board("... ... ..."), True)) == (True, 0, STAKE)

    @pytest.mark.parametrize("state", [b"", bytes(24), bytes(26), bytes(16) + b"\3" + bytes(8)])
    def test_other_states_there_are_not(self, game, state):
        with ape.reverts(game.Malformed):
            game.mover(state)


class TestSession:
    def test_a_game_signed_to_its_end_takes_two_calls(self, match, deployer):
        end = board("XXX OO. ...")
        match.put(5, end, deployer)
        match.registry.resolve(match.abi, end, sender=deployer)
        assert match.payouts() == (STAKE, 0)

    def test_who_stops_signing_can_be_made_to_move(self, match, alice, deployer):
        match.put(4, BEFORE_LAST, deployer)
        end = board("XXX OO. ...")
        match.move(5, BEFORE_LAST, end, alice, deployer)
        with ape.reverts(match.registry.NotOver):  # Bob has his time to show a newer state
            match.registry.resolve(match.abi, end, sender=deployer)
        pass_time(TIMEOUT)
        match.registry.resolve(match.abi, end, sender=deployer)
        assert match.payouts() == (STAKE, 0)

    def test_who_does_not_move_in_time_loses(self, match, alice, deployer):
        match.put(4, BEFORE_LAST, deployer)
        deadline = match.registry.getSession(match.id).deadline
        with ape.reverts(match.registry.NotOver, deadline=deadline):
            match.registry.resolve(match.abi, BEFORE_LAST, sender=deployer)
        pass_time(TIMEOUT)
        with ape.reverts(match.registry.TooLate, deadline=deadline):
            match.move(5, BEFORE_LAST, board("XXX OO. ..."), alice, deployer)
        match.registry.resolve(match.abi, BEFORE_LAST, sender=deployer)
        assert match.payouts() == (0, STAKE)

    def test_an_old_state_with_a_winning_move_is_answered_by_what_was_agreed(self, match, alice, deployer):
        """Alice missed her win in turn 5, and Bob has won in turn 6."""
        match.put(4, BEFORE_LAST, deployer)
        better = board("XXX OO. ...")
        match.move(5, BEFORE_LAST, better, alice, deployer)
        with ape.reverts(match.registry.NotOver):
            match.registry.resolve(match.abi, better, sender=alice)
        end = board("XX. OOO ..X")
        match.put(6, end, deployer)
        match.registry.resolve(match.abi, end, sender=deployer)
        assert match.payouts() == (0, STAKE)

    def test_a_move_that_was_agreed_cannot_be_taken_back(self, match, alice, deployer):
        agreed = board("XX. OO. ..X")
        match.put(4, BEFORE_LAST, deployer)
        match.move(5, BEFORE_LAST, board("XX. OO. .X."), alice, deployer)
        match.put(5, agreed, deployer)
        assert bytes(match.registry.getSession(match.id).stateHash) == keccak(agreed)
        with ape.reverts(match.registry.NotNewer, turn=5):  # what was agreed is not replaced
            match.put(5, agreed, deployer)

    def test_an_old_state_is_answered_by_a_newer_one(self, match, alice, deployer):
        match.put(4, BEFORE_LAST, deployer)
        with ape.reverts(match.registry.NotNewer, turn=4):
            match.put(4, board("XO. XO. ..."), deployer)
        match.put(5, board("XX. OO. ..X"), deployer)
        with ape.reverts(match.registry.WrongState):
            match.move(5, BEFORE_LAST, board("XXX OO. ..."), alice, deployer)

    def test_all_turns_together_take_no_more_than_each_players_time(self, match, alice, bob, deployer):
        """Who plays each turn at its last second does not outlast the channel's window."""
        began = now()
        match.put(0, board("... ... ..."), deployer)
        states = ["... ... ...", "X.. ... ...", "X.. .O. ...", "X.X .O. ...", "XOX .O. ..."]
        for turn, (before, after) in enumerate(pairwise(map(board, states)), 1):
            pass_time(TIMEOUT // 3)
            match.move(turn, before, after, (bob, alice)[turn % 2], deployer)
        record = match.registry.getSession(match.id)
        assert record.deadline + record.left <= began + 2 * TIMEOUT + 10
        pass_time(TIMEOUT // 3 + 5)
        match.registry.resolve(match.abi, board(states[-1]), sender=deployer)
        assert match.payouts() == (0, STAKE), "Alice has used up hers"

    def test_players_have_some_time(self, match, deployer):
        hasty = replace(match, timeout=59)
        with ape.reverts(match.registry.TimeoutTooShort, least=60):
            hasty.put(0, board("... ... ..."), deployer)

    def test_begins_when_both_have_signed_the_start(self, match, alice, bob, deployer):
        """Who has not locked anything yet cannot play for what the other has."""
        start, first = board("... ... ..."), board("X.. ... ...")
        with ape.reverts(match.registry.WrongStatus, status=NONE):
            match.move(1, start, first, alice, deployer)
        with ape.reverts(match.registry.WrongStatus, status=NONE):
            match.registry.resolve(match.abi, start, sender=bob)
        for by, missing in (((alice, alice), bob), ((bob, bob), alice)):
            with ape.reverts(match.registry.BadSignature, signer=missing.address):
                match.put(0, start, deployer, by=by)
        match.put(0, start, deployer)
        with ape.reverts(match.registry.NotNewer, turn=0):
            match.put(0, start, deployer)
        match.move(1, start, first, alice, deployer)
        assert match.registry.getSession(match.id).turn == 1

    def test_moves_are_made_by_whose_turn_it_is_by_the_rules(self, match, alice, bob, deployer):
        match.put(4, BEFORE_LAST, deployer)
        with ape.reverts(match.registry.BadSignature, signer=alice.address):
            match.move(5, BEFORE_LAST, board("XXX OO. ..."), bob, deployer)
        with ape.reverts(match.registry.InvalidTransition):
            match.move(5, BEFORE_LAST, board("XX. OOX X.."), alice, deployer)

    def test_states_are_put_by_both(self, match, alice, bob, deployer):
        for by, missing in (((alice, deployer), bob), ((deployer, bob), alice)):
            with ape.reverts(match.registry.BadSignature, signer=missing.address):
                match.put(4, BEFORE_LAST, deployer, by=by)

    def test_ends_once(self, match, deployer):
        end = board("XXX OO. ...")
        match.put(5, end, deployer)
        match.registry.resolve(match.abi, end, sender=deployer)
        for call in (
            lambda: match.put(6, end, deployer),
            lambda: match.registry.resolve(match.abi, end, sender=deployer),
        ):
            with ape.reverts(match.registry.WrongStatus, status=RESOLVED):
                call()


def test_a_channel_pays_who_has_won(match, channel_manager, alice, bob, deployer):
    """Each has locked a stake for the other, on the same session."""
    pair = Pair(channel_manager, (alice, bob)).open(1_000, 1_000)
    expiry = now() + 3_600
    lanes = [Lane(1, 0, (Lock(STAKE, expiry, LockKind.APP, match.ref(1 - side)),)) for side in (0, 1)]
    pair.close(1, *lanes)
    end = board("XXX OO. ...")
    match.put(5, end, deployer)
    match.registry.resolve(match.abi, end, sender=deployer)
    pass_time(CHANNEL_WINDOW)
    assert pair.paid(pair.settle(deployer, *lanes)) == (1_000 + STAKE, 1_000 - STAKE)
    assert address(alice) == pair.key.party0
