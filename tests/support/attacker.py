"""Someone who lies on L1 and plays for the lie with all that the rules allow: a thread with an account of its own."""

from contextlib import ExitStack
from pathlib import Path
from threading import Event

from eth_account.signers.local import LocalAccount

from tandem.chain.spec import Deployment
from tandem.disputes.forgeries import claim_of, lie_for
from tandem.disputes.lies import Cheat
from tandem.disputes.lying_trace import LyingTrace
from tandem.disputes.traces import Claims
from tandem.l1.assertion_book import Assertion
from tandem.l1.contracts import L1
from tandem.l1.encoding import claim_arguments
from tandem.l1.game_reader import GameReader
from tandem.l1.sender import L1Sender
from tandem.node.claims import inbox_acc
from tandem.node.machine_chain import boundary_after, machine_chain
from tandem.node.player import Player, make_moves
from tandem.node.replica import catch_up
from tandem.node.role import Role
from tandem.primitives.types import Address
from tandem.store import ChainStore


class Attacker(Role):
    """Has derived the chain itself, and lies about it from the parent on that it is given."""

    def __init__(self, deployment: Deployment, l1: L1, account: LocalAccount, folder: Path, stopping: Event) -> None:
        super().__init__("attacker", 0.2, stopping)
        self._deployment = deployment
        self._l1 = l1
        self.reader = GameReader(l1)
        self._sender = L1Sender(l1.web3, account, stopping)
        self._stack = ExitStack()
        self._store = self._stack.enter_context(ChainStore(folder))
        catch_up(self._store, deployment, l1)
        self._player: Player | None = None
        self.moves = 0

    def lie(self, parent: Assertion, cheat: Cheat) -> bytes:
        """Assert a false child of `parent`. Its id."""
        session = self._stack.enter_context(self._store.read())
        consumed, target = parent.opening.state.batches, parent.required_batches
        chain, start = machine_chain(session, self._deployment.parameters), boundary_after(session, consumed, target)
        trace = LyingTrace(chain, start, lie_for(cheat, Address(bytes.fromhex(self._sender.address[2:]))))
        claim = claim_of(trace, chain.nodes, parent.id, inbox_acc(session, target))
        rollup = self._l1.rollup.functions
        self._sender.send(rollup.createAssertion(*claim_arguments(claim)), value=rollup.bond().call())
        claims = Claims(parent.id, start.machine(chain).hash(), trace)
        self._player = Player(claims, self._sender.address)
        return bytes(claim.opening.id())

    def read(self) -> None:
        """All that L1 has."""
        while not self.reader.poll():
            pass

    def step(self) -> None:
        """Make all moves that are due. What cannot be proven is tried all the same, and refused by L1."""
        self.read()
        assert self._player is not None
        for answers in self._player.rounds(self.reader.board):
            self.moves += len(make_moves(self._l1, self._sender, answers).made)

    def close(self) -> None:
        """Let go of the store."""
        self._stack.close()
