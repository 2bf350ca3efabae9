"""A chain to test derivation with: a deployment, funded keys, and an inbox made of values instead of events."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tandem.chain.predeploys import PREDEPLOYS, genesis_accounts
from tandem.chain.spec import ChainParameters, Deployment, Genesis, L1Contracts
from tandem.inbox.queues import (
    EMPTY_ACCUMULATOR,
    BatchEntry,
    DataLocation,
    L1Context,
    Message,
    QueuedBatch,
    QueuedMessage,
    accumulate,
)
from tandem.node.follower import Applied, BatchSeen, Follower, InboxUpdate, open_genesis
from tandem.primitives.hashing import keccak
from tandem.primitives.secp256k1 import address_of
from tandem.primitives.types import ZERO_ADDRESS, Address, Gas, Hash, Seconds, Wei
from tandem.store import ChainStore, MessageRecord, WriteSession
from tandem.store.records import L1Place
from tandem.transactions.codec import UnsignedTransaction
from tandem.transactions.transaction import DYNAMIC_FEE, SignedTransaction

ETHER = 10**18
START = 1_700_000_000
CHAIN_ID = 42069
KEYS = [keccak(b"key %d" % index) for index in range(8)]
ADDRESSES = [address_of(key) for key in KEYS]


def make_deployment(**parameters: int) -> Deployment:
    """A chain whose predeploys do nothing: what they do is tested with the contracts."""
    codes = dict.fromkeys(PREDEPLOYS, b"\0")
    genesis = Genesis(Seconds(START), genesis_accounts(codes, ZERO_ADDRESS, ZERO_ADDRESS))
    contracts = L1Contracts(31337, *[ZERO_ADDRESS] * 9, 1, Seconds(600), Seconds(3600))
    return Deployment(ChainParameters(CHAIN_ID, **parameters), genesis, contracts)  # type: ignore[arg-type]


def transfer(
    sender: int, nonce: int, to: Address, value: int = 1, *, data: bytes = b"", gas: int = 100_000
) -> SignedTransaction:
    """A signed transfer by key number `sender`."""
    return UnsignedTransaction(DYNAMIC_FEE, CHAIN_ID, nonce, Wei(0), Wei(10**9), Gas(gas), to, Wei(value), data).sign(
        KEYS[sender]
    )


@dataclass(slots=True)
class Inbox:
    """The two queues, with the contract's accumulators and its rules of consumption."""

    events: list[MessageRecord | BatchSeen] = field(default_factory=list)
    messages: list[QueuedMessage] = field(default_factory=list)
    batches: list[QueuedBatch] = field(default_factory=list)
    time: int = START

    def context(self) -> L1Context:
        """L1 as it is now."""
        number = len(self.events) + 1
        return L1Context(number, keccak(b"l1 block %d" % number), Seconds(self.time), Wei(10**9))

    def deposit(
        self, to: Address, amount: int = ETHER, *, data: bytes = b"", gas: int = 100_000, mint: int | None = None
    ) -> None:
        """Queue a deposit, or a forced transaction where `mint` is 0."""
        minted = amount if mint is None else mint
        message = Message(to, to, Wei(minted), Wei(amount), Gas(gas), data, self.context())
        self.queue(message)

    def queue(self, message: Message) -> None:
        """Queue any message."""
        before = self.messages[-1].accumulator if self.messages else EMPTY_ACCUMULATOR
        queued = QueuedMessage(len(self.messages), message, accumulate(before, message.hash()))
        self.messages.append(queued)
        self.events.append(MessageRecord(queued, self._place()))

    def batch(self, data: bytes | None, consumed: int) -> None:
        """Queue a batch; None: a forced one."""
        location = DataLocation.NONE if data is None else DataLocation.CALLDATA
        digest = Hash(bytes(32)) if data is None else keccak(data)
        entry = BatchEntry(location, digest, consumed, self.context())
        before = self.batches[-1].accumulator if self.batches else EMPTY_ACCUMULATOR
        queued = QueuedBatch(len(self.batches), entry, data or b"", accumulate(before, entry.hash()))
        self.batches.append(queued)
        self.events.append(BatchSeen(queued, self._place()))

    def _place(self) -> L1Place:
        number = len(self.events) + 1
        return L1Place(number, keccak(b"l1 block %d" % number), keccak(b"l1 transaction %d" % number))


def update(
    events: Sequence[MessageRecord | BatchSeen], session: WriteSession, *, kept: tuple[int, int] | None = None
) -> InboxUpdate:
    """The update that carries these events to a store. `kept`: messages and batches that a re-org leaves."""
    messages, batches = kept or (session.message_count(), session.batch_count())
    return InboxUpdate(messages, batches, events, 1, Hash(bytes(32)), Seconds(START), 0)


class Node:
    """A store with a follower."""

    def __init__(self, folder: Path, deployment: Deployment, *, keep_unsafe: bool = False) -> None:
        self.deployment = deployment
        self.store = ChainStore(folder)
        self.follower = Follower(deployment, keep_unsafe=keep_unsafe)
        with self.store.write() as session:
            open_genesis(session, deployment)

    def apply(self, events: Sequence[MessageRecord | BatchSeen], *, kept: tuple[int, int] | None = None) -> Applied:
        """Apply events in one update."""
        with self.store.write() as session:
            return self.follower.apply(session, update(events, session, kept=kept))

    def head(self) -> Hash:
        """The head's hash."""
        with self.store.read() as session:
            return session.head().hash

    def hashes(self) -> list[Hash]:
        """All block hashes."""
        with self.store.read() as session:
            return [session.block_hash(number) for number in range(session.head_number() + 1)]
