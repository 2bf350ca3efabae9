"""The order in which waiting transactions come to execution: heads of the senders' queues, in a heap.

An entry of the heap is (-effective tip, arrival, sender, nonce). Entries are not searched for when they go stale (their
transaction was taken, replaced or dropped): each is checked against its queue when it comes to the top.
"""

import heapq
from collections.abc import Mapping

from tandem.primitives.types import Address
from tandem.transactions.transaction import SignedTransaction


class Pooled:
    """A waiting transaction. `arrival` counts up; `cost` is what it may spend, in wei."""

    __slots__ = ("arrival", "cost", "tx")

    def __init__(self, tx: SignedTransaction, arrival: int, cost: int) -> None:
        self.tx = tx
        self.arrival = arrival
        self.cost = cost


class Queue:
    """One sender's transactions by nonce. nonce <= cursor <= end, and everything in nonce .. end - 1 is there."""

    __slots__ = ("by_nonce", "cost", "cursor", "end", "nonce")

    def __init__(self, nonce: int) -> None:
        self.by_nonce: dict[int, Pooled] = {}
        self.cost = 0
        """Wei that all of them may spend together."""
        self.nonce = nonce
        """The account's nonce after the last block."""
        self.cursor = nonce
        """The next to be taken into the open block."""
        self.end = nonce
        """The first gap."""

    def extend(self) -> int:
        """Move the gap up after an addition. Returns by how many transactions."""
        before = self.end
        while self.end in self.by_nonce:
            self.end += 1
        return self.end - before

    def cut(self, nonce: int) -> int:
        """The transaction at `nonce` is gone. Returns how many fewer are executable."""
        lost = self.end - nonce
        if lost <= 0:
            return 0
        self.end = nonce
        self.cursor = min(self.cursor, nonce)
        return lost

    def restart(self, nonce: int) -> int:
        """The account's nonce is `nonce` now. Returns how many are executable."""
        self.nonce = nonce
        if self.end < nonce or nonce not in self.by_nonce:
            self.end = nonce
        self.extend()
        self.cursor = min(max(self.cursor, nonce), self.end)
        return self.end - nonce


class Selection:
    """What the open block takes from: best first. Live: transactions added meanwhile come up too."""

    def __init__(self, heads: "Heads") -> None:
        self._heads = heads

    def pop(self) -> SignedTransaction | None:
        """The next transaction, or None when there is none now."""
        return self._heads.pop() if self._heads.current is self else None

    def skip_sender(self, sender: Address) -> None:
        """Offer nothing more of this sender in this block; what was taken last stays in the pool."""
        self._heads.skipped.add(sender)

    def __iter__(self) -> "Selection":
        return self

    def __next__(self) -> SignedTransaction:
        tx = self.pop()
        if tx is None:
            raise StopIteration
        return tx


class Heads:
    """The heap over the queues' heads, for one base fee at a time."""

    def __init__(self, queues: Mapping[Address, Queue]) -> None:
        self._queues = queues
        self._heap: list[tuple[int, int, Address, int]] = []
        self._base_fee = 0
        self._touched: set[Address] = set()
        self.skipped: set[Address] = set()
        self.current: Selection | None = None

    def begin(self, base_fee: int) -> Selection:
        """A new block: what was taken but not included is on offer again."""
        queues = self._queues
        for sender in self._touched:
            queue = queues.get(sender)
            if queue is not None:
                queue.cursor = queue.nonce
        self.skipped.clear()
        if base_fee != self._base_fee or len(self._heap) > 2 * len(queues) + 64:
            self._base_fee = base_fee
            self._heap = []
            for sender, queue in queues.items():
                self.offer(sender, queue)
        else:
            for sender in self._touched:
                queue = queues.get(sender)
                if queue is not None:
                    self.offer(sender, queue)
        self._touched.clear()
        self.current = Selection(self)
        return self.current

    def offer(self, sender: Address, queue: Queue) -> None:
        """Put the queue's head on the heap, if it has one that can pay the base fee."""
        cursor = queue.cursor
        if cursor == queue.end:
            return
        pooled = queue.by_nonce[cursor]
        tx = pooled.tx
        tip = tx.max_fee - self._base_fee
        if tip < 0:
            return
        if tx.max_priority_fee < tip:
            tip = tx.max_priority_fee
        heapq.heappush(self._heap, (-tip, pooled.arrival, sender, cursor))

    def pop(self) -> SignedTransaction | None:
        """Take the best head; its successor is on offer from now on."""
        heap = self._heap
        while heap:
            _, arrival, sender, nonce = heapq.heappop(heap)
            queue = self._queues.get(sender)
            if queue is None or queue.cursor != nonce or sender in self.skipped:
                continue
            pooled = queue.by_nonce.get(nonce)
            if pooled is None or pooled.arrival != arrival:
                continue
            queue.cursor = nonce + 1
            self._touched.add(sender)
            self.offer(sender, queue)
            return pooled.tx
        return None
