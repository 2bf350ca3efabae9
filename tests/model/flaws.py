"""Flaws that are put into the contracts on purpose, each a change of their text: the machine has to find them all."""

from dataclasses import dataclass

from tests.support.solidity import ROOT, Overlay

GAME = "disputes/DisputeGame.sol"
CLOCKS = "disputes/EdgeClocks.sol"
WAYS = "disputes/Ways.sol"
POOL = "disputes/RefundPool.sol"


@dataclass(frozen=True, slots=True)
class Flaw:
    """A rule that is broken."""

    name: str
    file: str
    right: str
    """Stands in the file once."""
    wrong: str = ""

    def __str__(self) -> str:
        return self.name

    def overlay(self) -> Overlay:
        """The file with the flaw."""
        text = (ROOT / "contracts" / self.file).read_text()
        if text.count(self.right) != 1:
            raise ValueError(f"{self.name}: {self.file} does not have once: {self.right}")
        return ((self.file, text.replace(self.right, self.wrong)),)


FLAWS = (
    Flaw("moves without a rival", CLOCKS, "if (_clocks[spot.place].rivalledAt == 0) revert NotRivalled(spot.id);"),
    Flaw(
        "the greatest of the children",
        GAME,
        "if (beside < least) least = beside;",
        "if (beside > least) least = beside;",
    ),
    Flaw(
        "the clock runs on beside a rival",
        CLOCKS,
        "(c.rivalledAt == 0 ? block.timestamp : c.rivalledAt) - c.claimedAt",
        "block.timestamp - c.claimedAt",
    ),
    Flaw(
        "late roots count as first",
        GAME,
        "bool isFirst = _claim(place);",
        "_claim(place);\n        bool isFirst = true;",
    ),
    Flaw(
        "right halves forget what is before them",
        GAME,
        "bytes32 prefix = EdgeHashing.join(edge.prefix, left);",
        "bytes32 prefix = edge.prefix;",
    ),
    Flaw(
        "any end", GAME, "siblings.length != height || _lastUnder(state, siblings) != root", "siblings.length != height"
    ),
    Flaw(
        "any level-1 root for any leaf",
        GAME,
        "if (claimOf[stepRoot.id] != way.on[0].id) revert WrongClaim(claimOf[stepRoot.id]);",
    ),
    Flaw(
        "any state before a leaf",
        GAME,
        "!isSibling || EdgeHashing.join(opening.prefix, left) != leaf.prefix",
        "!isSibling && EdgeHashing.join(opening.prefix, left) != leaf.prefix",
    ),
    Flaw(
        "a node for a state",
        GAME,
        "!isSibling || EdgeHashing.join(opening.prefix, left) != leaf.prefix",
        "height > HIGHEST + (isSibling ? 0 : 1) || EdgeHashing.join(opening.prefix, left) != leaf.prefix",
    ),
    Flaw("ways that lead elsewhere", WAYS, "if (nodes[length] != top.root) revert IDisputeGame.WrongPath();"),
    Flaw("timers fall", CLOCKS, "if (inherited <= _inherited(spot)) return;"),
    Flaw("losers are paid", GAME, "++settled;", "_credit(_records[loser].mover, stepBond);"),
    Flaw("moves are paid twice", GAME, "        record.cost = 0;\n"),
)
"""Looked for in every run of the tests."""

MORE_FLAWS = (
    Flaw("one child counts", GAME, "if (beside < least) least = beside;"),
    Flaw("late left halves count as first", CLOCKS, "0, 0, _claim(leftPlace))", "0, 0, _claim(leftPlace) || true)"),
    Flaw(
        "an end at any height",
        GAME,
        "siblings.length != height || _lastUnder(state, siblings) != root",
        "height > HIGHEST || _lastUnder(state, siblings) != root",
    ),
    Flaw("ways from elsewhere", WAYS, " || path.index >> length != top.index"),
    Flaw(
        "timers add up",
        CLOCKS,
        "_records[spot.id].inherited = uint40(inherited);",
        "_records[spot.id].inherited += uint40(inherited / 2);",
    ),
    Flaw("any step is proven", GAME, "if (post != edge.root) revert WrongStep(post);", "post;"),
    Flaw("a step is proven again", GAME, "if (_inherited(spot) == INFINITE) revert AlreadyProven(spot.id);"),
    Flaw("any children", GAME, "if (EdgeHashing.join(left, right) != edge.root) revert WrongChildren();"),
    Flaw(
        "an edge is bisected again",
        CLOCKS,
        "if (_records[right].mover != address(0)) revert EdgeExists(right);",
        "right;",
    ),
    Flaw("a level-1 root without a bond", GAME, "if (msg.value != stepBond) revert WrongStepBond(stepBond);"),
    Flaw("bonds go to whoever settles first", GAME, "            _requireWon(spot);\n"),
    Flaw("a bond is lost twice", GAME, "if (isSettled[loser]) continue; // someone was quicker, or it is the winner"),
    Flaw("rivals are paid", GAME, "_fundPool(settled * stepBond);", "_credit(_records[id].mover, settled * stepBond);"),
    Flaw("two winners", GAME, "revert NotWon(id, 0);", "_credit(_records[id].mover, stepBond);"),
    Flaw("work is paid twice", GAME, "        work.cost = 0;\n"),
    Flaw("roots are brought up again for money", GAME, "            if (_isDecided(lift.top)) continue;\n"),
    Flaw("any way brings money", GAME, "if (!_isDecided(lift.top)) continue;"),
    Flaw(
        "credits in small pieces",
        GAME,
        "isShown || cost < paid ? cost : paid",
        "cost",
    ),
    Flaw(
        "moves of any assertion are paid",
        GAME,
        "!rollup.isConfirmed(assertion) || rollup.rootEdge(assertion) != id",
        "rollup.rootEdge(assertion) != id",
    ),
    Flaw(
        "moves of any trace are paid",
        GAME,
        "!rollup.isConfirmed(assertion) || rollup.rootEdge(assertion) != id",
        "!rollup.isConfirmed(assertion)",
    ),
    Flaw("steps below any leaf are paid", GAME, " || !_records[claimOf[id]].isTrue"),
    Flaw("steps of losers are paid", GAME, "winner[spot.place] != id || ", "claimOf[id] == EdgeId.wrap(0) || "),
    Flaw("credits stay", POOL, "        credit[to] = 0;\n"),
)
"""Looked for by `make model`."""
