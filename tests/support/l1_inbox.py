"""The inbox contract on revm, with all that was sent to it: the same accumulators there and here."""

from dataclasses import astuple
from typing import Any

from pyrevm import BlockEnv

from tandem.chain.spec import L1_INFO
from tandem.inbox.queues import (
    EMPTY_ACCUMULATOR,
    SYSTEM_SENDER,
    BatchEntry,
    DataLocation,
    L1Context,
    Message,
    QueuedBatch,
    QueuedMessage,
    accumulate,
)
from tandem.primitives.hashing import keccak, word
from tandem.primitives.types import ZERO_ADDRESS, ZERO_HASH, Address, Gas, Hash, Seconds, Wei
from tests.support.chain import START
from tests.support.revm import GAS, Revm, call_data
from tests.support.solidity import Compiled

BRIDGE = Address(b"\xb1" * 20)
SEQUENCER = Address(b"\x5e" * 20)
ANYONE = Address(b"\xa7" * 20)
DELAY = 600
"""Force inclusion, seconds."""
SYSTEM_GAS = Gas(200_000)
BLOCK_TIME = 12


class L1Inbox:
    """An InboxSource whose every entry the contract has confirmed."""

    def __init__(self, revm: Revm, contract: Compiled) -> None:
        self._revm = revm
        self.address = revm.deploy(contract, ("address", "address", "uint64"), (BRIDGE, SEQUENCER, DELAY))
        self._number = 1
        self.time = START
        self.messages: list[QueuedMessage] = []
        self.batches: list[QueuedBatch] = []

    @property
    def consumed(self) -> int:
        """Messages that the batches consume."""
        return self.batches[-1].entry.messages_consumed if self.batches else 0

    # -- what goes in

    def enqueue(
        self,
        sender: Address,
        to: Address | None,
        *,
        mint: int = 0,
        value: int = 0,
        gas: int = 100_000,
        data: bytes = b"",
    ) -> QueuedMessage:
        """A message through the bridge. `to` None: a creation."""
        signature = "enqueue(address,address,bool,uint256,uint256,uint64,bytes)"
        context = self._send(BRIDGE, signature, sender, to or ZERO_ADDRESS, to is None, mint, value, gas, data)
        return self._queue(Message(sender, to, Wei(mint), Wei(value), Gas(gas), data, context))

    def plant(self, message: Message) -> QueuedMessage:
        """A message that the contract would refuse, or of a block with a base fee (pyrevm has none): into its storage.

        Slot 0 has the counts of messages, batches and messages consumed, 64 bits each; slot 1 the messages'
        accumulators.
        """
        evm, count = self._revm.evm, len(self.messages)
        accumulator = accumulate(self._last_message(), message.hash())
        slot = int.from_bytes(keccak(word(count + 1) + word(1)), "big")
        evm.insert_account_storage(self.address, slot, int.from_bytes(accumulator, "big"))
        evm.insert_account_storage(self.address, 0, evm.storage(self.address, 0) + 1)
        return self._queue(message)

    def submit(self, data: bytes, consumed: int | None = None) -> QueuedBatch:
        """A batch of the sequencer; it consumes all messages unless told otherwise."""
        consumed = len(self.messages) if consumed is None else consumed
        context = self._send(SEQUENCER, "submitBatch(bytes,uint64)", data, consumed)
        return self._batch(BatchEntry(DataLocation.CALLDATA, keccak(data), consumed, context), data)

    def force(self) -> QueuedBatch:
        """A forced batch, of all messages so far: they become overdue."""
        self.time += DELAY + 1
        context = self._send(ANYONE, "forceInclude()")
        return self._batch(BatchEntry(DataLocation.NONE, ZERO_HASH, len(self.messages), context), b"")

    def context(self, base_fee: int = 0) -> L1Context:
        """What L1 is like in the block that was last."""
        parent = self._number - 1
        return L1Context(parent, Hash(self._revm.evm.block_hash(parent)), Seconds(self.time), Wei(base_fee))

    def _batch(self, entry: BatchEntry, data: bytes) -> QueuedBatch:
        before = self.batches[-1].accumulator if self.batches else EMPTY_ACCUMULATOR
        queued = QueuedBatch(len(self.batches), entry, data, accumulate(before, entry.hash()))
        self.batches.append(queued)
        assert self._view("batchAcc(uint64)", len(self.batches)) == queued.accumulator
        news = call_data("setOrigin(uint64,bytes32,uint64,uint256)", *astuple(entry.context))
        self._queue(Message(SYSTEM_SENDER, L1_INFO, Wei(0), Wei(0), SYSTEM_GAS, news, entry.context))
        return queued

    def _queue(self, message: Message) -> QueuedMessage:
        queued = QueuedMessage(len(self.messages), message, accumulate(self._last_message(), message.hash()))
        self.messages.append(queued)
        assert self._view("messageAcc(uint64)", len(self.messages)) == queued.accumulator
        return queued

    def _last_message(self) -> Hash:
        return self.messages[-1].accumulator if self.messages else EMPTY_ACCUMULATOR

    def _send(self, sender: Address, signature: str, *values: Any) -> L1Context:
        """A transaction in a block of its own; the context that the inbox sees in it."""
        evm = self._revm.evm
        self._number += 1
        self.time += BLOCK_TIME
        evm.set_block_env(BlockEnv(number=self._number, timestamp=self.time))
        evm.message_call("0x" + sender.hex(), self.address, calldata=call_data(signature, *values), gas=GAS)
        return self.context()

    def _view(self, signature: str, value: int) -> bytes:
        return self._revm.call(self.address, call_data(signature, value))

    # -- what comes out

    def message(self, index: int) -> QueuedMessage:
        """The message at `index`."""
        return self.messages[index]

    def batch(self, index: int) -> QueuedBatch:
        """The batch at `index`."""
        return self.batches[index]
