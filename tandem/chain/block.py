"""Building one block: the code that the sequencer and every deriving node share, so that both get the same hash."""

from collections.abc import Sequence
from dataclasses import dataclass

from tandem.chain.fees import next_base_fee
from tandem.chain.header import Header
from tandem.chain.recent import BlockHashes, recent_hashes
from tandem.chain.spec import FEE_VAULT, ChainParameters
from tandem.evm.context import BlockContext
from tandem.evm.executor import BlockExecutor
from tandem.evm.receipt import Receipt
from tandem.evm.rules import CANCUN, Rules
from tandem.inbox.queues import L1Context, QueuedMessage, accumulate
from tandem.primitives.hashing import keccak
from tandem.primitives.types import ZERO_HASH, Gas, Seconds, Wei
from tandem.state.database import StateDatabase
from tandem.transactions.transaction import Transaction


@dataclass(frozen=True, slots=True)
class BlockTemplate:
    """What is fixed of a block before its signed transactions: its time and the messages that it takes."""

    timestamp: Seconds
    origin: L1Context
    messages: tuple[QueuedMessage, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """An executed block."""

    header: Header
    transactions: tuple[Transaction, ...]
    receipts: tuple[Receipt, ...]
    supply_growth: int
    """By how many wei the sum of all balances grew."""
    burnt: Wei
    """Wei that SELFDESTRUCT destroyed in it."""


def take_messages(queue: Sequence[QueuedMessage], limit: int, gas_limit: Gas) -> tuple[QueuedMessage, ...]:
    """The first messages of `queue`: at most `limit`, and no more than their gas limits fit in a block."""
    gas = 0
    taken = 0
    for queued in queue[:limit]:
        gas += queued.message.gas_limit
        if gas > gas_limit:
            break
        taken += 1
    return tuple(queue[:taken])


def make_template(
    parent_time: Seconds, parent_origin: L1Context, wanted_time: int, messages: Sequence[QueuedMessage]
) -> BlockTemplate:
    """A block's template: its time is `wanted_time`, or later where its parent or its L1 origin is later."""
    origin = messages[-1].message.context if messages else parent_origin
    timestamp = Seconds(max(parent_time, origin.timestamp, wanted_time))
    return BlockTemplate(timestamp, origin, tuple(messages))


class BlockBuilder:
    """Executes one block on `parent`: its messages at once, then signed transactions as they are added, then `seal`."""

    def __init__(
        self,
        parameters: ChainParameters,
        state: StateDatabase,
        parent: Header,
        template: BlockTemplate,
        block_hash: BlockHashes,
    ) -> None:
        self._state = state
        self._parent = parent
        self._template = template
        self._context = block_context(parameters, parent, template.timestamp, template.origin, block_hash)
        self._executor = BlockExecutor(state, self._context, chain_rules(parameters))
        self._transactions: list[Transaction] = []
        self._receipts: list[Receipt] = []
        for queued in template.messages:
            self.add(queued.message.transaction(queued.accumulator))

    @property
    def gas_left(self) -> int:
        """Gas that the block still has room for."""
        return self._context.gas_limit - self._executor.gas_used

    @property
    def base_fee(self) -> Wei:
        """The block's base fee, wei a gas."""
        return self._context.base_fee

    @property
    def transaction_count(self) -> int:
        """Transactions in the block so far, messages included."""
        return len(self._transactions)

    def add(self, transaction: Transaction) -> Receipt:
        """Execute one more transaction. InvalidTransaction, without any effect, where it cannot stand here."""
        receipt = self._executor.apply(transaction)
        self._transactions.append(transaction)
        self._receipts.append(receipt)
        return receipt

    def seal(self) -> Block:
        """Commit the block's changes to the state and return the block."""
        diff = self._executor.finish()
        root, growth = self._state.commit(self._parent.state_root, diff)
        transactions_acc = receipts_acc = ZERO_HASH
        for transaction, receipt in zip(self._transactions, self._receipts, strict=True):
            transactions_acc = accumulate(transactions_acc, transaction.hash)
            receipts_acc = accumulate(receipts_acc, receipt.hash())
        number = self._context.number
        header = Header(
            parent_hash=self._parent.hash,
            number=number,
            timestamp=self._template.timestamp,
            state_root=root,
            transactions_acc=transactions_acc,
            receipts_acc=receipts_acc,
            gas_used=Gas(self._executor.gas_used),
            gas_limit=self._context.gas_limit,
            base_fee=self._context.base_fee,
            prev_randao=self._context.prev_randao,
            coinbase=FEE_VAULT,
            origin=self._template.origin,
            messages_consumed=self._parent.messages_consumed + len(self._template.messages),
            recent_hashes=recent_hashes(number, self._context.block_hash),
        )
        return Block(header, tuple(self._transactions), tuple(self._receipts), growth, diff.burnt)


def block_context(
    parameters: ChainParameters, parent: Header, timestamp: Seconds, origin: L1Context, block_hash: BlockHashes
) -> BlockContext:
    """What transactions see of a block on `parent`."""
    return BlockContext(
        number=parent.number + 1,
        timestamp=timestamp,
        coinbase=FEE_VAULT,
        prev_randao=keccak(parent.prev_randao + origin.hash),
        base_fee=next_base_fee(parent, parameters),
        gas_limit=parameters.gas_limit,
        l1_base_fee=origin.base_fee,
        block_hash=block_hash,
    )


def chain_rules(parameters: ChainParameters) -> Rules:
    """The execution rules of a chain with these parameters."""
    return Rules(
        fork=CANCUN,
        chain_id=parameters.chain_id,
        data_gas_per_byte=parameters.data_gas_per_byte,
        allow_unprotected=parameters.allow_unprotected,
    )
