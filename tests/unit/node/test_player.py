"""A player that forgets all between rounds, one whose stepper disagrees, one without ether; on the toy machine."""

from collections.abc import Iterator

from tandem.disputes.edges import Opening
from tandem.disputes.moves import Answer, Bisect, OpenSteps, Prove
from tandem.disputes.traces import Claims
from tandem.l1.sender import L1Rejected, NonceTaken
from tandem.node.player import Player, affordable, is_made_before, leaves_below
from tandem.node.verification import Disagreement
from tandem.primitives.types import ZERO_HASH, Hash
from tests.support.toy_machine import ToySteps
from tests.unit.disputes.match import HEIGHTS, HONEST, ORIGIN, START, WINDOW, Counted, Match, toy_trace

ADDRESS = "0x" + HONEST.hex()
LIES = [(3, 0, 1), (5, 0, 2)]


def fresh_player() -> tuple[Player, Counted]:
    """The honest party's, as after a restart; which level-1 traces it makes."""
    trace = Counted(toy_trace())
    return Player(Claims(ORIGIN, START.hash, trace, HEIGHTS[1]), ADDRESS), trace


def begin() -> Match:
    """A game with two liars, all roots made."""
    match = Match.of(LIES, [])
    for claims in (match.honest, *match.liars):
        assert match.claim(claims)
    return match


def liars_answer(match: Match) -> bool:
    """All that they want to do. Whether there was anything."""
    answered = [match.try_answer(claims, due) for claims in match.liars for due in match.due(claims)]
    return any(answered)


def play_out(match: Match, players: Iterator[Player]) -> list[Answer]:
    """Until neither side has anything to do. Gives the honest moves."""
    made: list[Answer] = []
    moved = True
    while moved:
        match.referee.now += 1
        moved = liars_answer(match)
        for answers in next(players).rounds(match.look()):
            for answer in answers:
                match.referee.move(answer, HONEST)
            made += answers
            moved = True
        match.look()
    return made


def test_a_player_that_forgets_all_after_each_round_makes_each_move_once() -> None:
    match = begin()
    made = play_out(match, iter(lambda: fresh_player()[0], None))
    assert len(made) == len(set(made))
    assert {type(answer) for answer in made} == {Bisect, OpenSteps, Prove}
    match.referee.now += WINDOW
    assert match.has_won()


def test_its_own_openings_are_recalled_without_making_their_traces_again() -> None:
    match = begin()
    made = play_out(match, iter(lambda: fresh_player()[0], None))
    opened = {answer.leaf.index for answer in made if isinstance(answer, OpenSteps)}
    player, trace = fresh_player()
    player.recall(match.look())
    assert opened and {player.claims.leaf_of(edge) for edge in player.claims.step_roots()} == opened
    assert trace.made == []


def test_what_is_at_hand_comes_before_what_takes_a_trace() -> None:
    match = begin()
    player, trace = fresh_player()
    kinds: list[tuple[bool, ...]] = []
    moved = True
    while moved:
        moved = liars_answer(match)
        had = len(trace.made)
        rounds = []
        for answers in player.rounds(match.look()):
            rounds.append(len(trace.made) > had)
            for answer in answers:
                match.referee.move(answer, HONEST)
            moved = True
        kinds.append(tuple(rounds))
    assert all(rounds == tuple(sorted(rounds)) for rounds in kinds), "no trace was made before the first round"
    assert (False,) in kinds and any(True in rounds for rounds in kinds)


class Disagreeing:
    """A trace whose stepper differs about one leaf."""

    def __init__(self, leaf: int) -> None:
        self._trace = toy_trace()
        self._leaf = leaf
        self.tree = self._trace.tree

    def steps(self, leaf: int) -> ToySteps:
        if leaf == self._leaf:
            raise Disagreement(leaf, 7, "5 steps end elsewhere")
        return self._trace.steps(leaf)


def test_where_the_stepper_disagrees_no_move_is_made_and_elsewhere_all_are() -> None:
    match = begin()
    player = Player(Claims(ORIGIN, START.hash, Disagreeing(3), HEIGHTS[1]), ADDRESS)
    made = play_out(match, iter(lambda: player, None))
    assert list(player.disagreements) == [3] and player.disagreements[3].block == 7
    assert [answer.leaf.index for answer in made if isinstance(answer, OpenSteps)] == [5]
    assert any(isinstance(answer, Prove) for answer in made)


def test_only_bonds_that_can_be_paid_are_staked() -> None:
    opening = Opening(ZERO_HASH, ZERO_HASH, ())
    leaves = [Claims(ORIGIN, START.hash, toy_trace(), HEIGHTS[1]).leaf(index) for index in range(3)]
    openings = [OpenSteps(leaf, opening, Hash(bytes(32)), ()) for leaf in leaves]
    bisection = Bisect(leaves[0], ZERO_HASH, ZERO_HASH)
    answers = [openings[0], bisection, openings[1], openings[2]]
    assert affordable(answers, 100, 10) == (answers, 0)
    assert affordable(answers, 13, 10) == ([openings[0], bisection], 17)
    assert affordable(answers, -5, 10) == ([bisection], 35)


def test_a_move_that_someone_else_made_is_no_failure() -> None:
    assert is_made_before(L1Rejected("bisect would revert: EdgeExists(bytes32) 00"))
    assert is_made_before(L1Rejected("prove reverted in L1 transaction 0x00: AlreadyProven(bytes32) 00"))
    assert not is_made_before(L1Rejected("bisect would revert: NotRivalled(bytes32) 00"))
    assert not is_made_before(NonceTaken("nonce 3 of EdgeExists is taken"))


def test_the_leaves_on_the_board_are_those_in_dispute() -> None:
    match = begin()
    play_out(match, iter(lambda: fresh_player()[0], None))
    root = match.look().record(match.honest.root.id)
    assert {3, 5} <= {leaf.edge.index for leaf in leaves_below(root)}
