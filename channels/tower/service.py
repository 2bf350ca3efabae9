"""The tower at work: takes delegations and answers with receipts; on a close it shows what is newer, registers secrets,
settles, and is paid out of what it has saved.

Both sides of a channel may be one person who wants it to spend gas. So it does nothing while a channel is open, nothing
for a client whose part cannot pay it any more, and of what it is not paid for only so much: one update of an own lane,
and MOST_SECRETS secrets, once a channel.
"""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import structlog
from eth_account.signers.local import LocalAccount

from channels.chain import Chain, ChainSettings
from channels.chores import Chores
from channels.forced import add_forced_way
from channels.link import Certificate
from channels.neighbours import Neighbours
from channels.session import Session
from channels.store import Journal
from channels.tower.rows import Row, TowerStore, delete_row, write_rescue, write_row
from tandem.channels.closing import is_worse
from tandem.channels.endpoint import SignedLane
from tandem.channels.identity import Identity
from tandem.channels.ledger import OnChain, Status
from tandem.channels.settlement import Knowledge, secret_hash, settle
from tandem.channels.signing import BadSignature, check_signature
from tandem.channels.states import Lane, Side, TowerPay
from tandem.channels.tower import Receipt, least_part
from tandem.channels.wire import AskTower, Declined, Delegate, Message, TowerTerms
from tandem.errors import TandemError
from tandem.primitives.types import ZERO_HASH, Address, Hash

TICK = 0.5
"""Seconds between two looks at the channels that are closing."""
MOST_A_SECOND = 200
"""Delegations of one client that are looked at."""
MOST_REWARD = 2**96 - 1
"""What the contract can note."""
LEAST_VALID = 2
"""Windows for which a client's promise to pay must be valid at least."""
MOST_SECRETS = 16
"""Of a channel that are registered: those of the largest locks."""


class NotTaken(TandemError):
    """A delegation cannot be taken. The message says why."""


@dataclass(frozen=True, slots=True)
class TowerSettings:
    """What its owner has decided."""

    folder: Path
    host: str
    port: int
    url: str
    chains: tuple[ChainSettings, ...]
    inbox: tuple[int, Address]
    """L1's chain id, and the contract there that nobody can keep messages to L2 out of."""
    terms: TowerTerms


class Tower:
    """`run` it."""

    def __init__(self, settings: TowerSettings, account: LocalAccount, store: TowerStore) -> None:
        self.settings = settings
        self.identity = Identity(bytes(account.key))
        self.chains = {chain.chain_id: Chain(chain, account) for chain in settings.chains}
        self._forced = add_forced_way(self.chains, *settings.inbox)
        self.rows = {(row.newest.channel, row.client): row for row in store.rows()}
        self.store = store
        self.counts: Counter[str] = Counter()
        """Delegations since the start."""
        self._clients = Counter(row.client for row in self.rows.values())
        self.neighbours = Neighbours(
            self.identity, lambda session: None, self._take, lambda address: self._clients[address] > 0
        )
        self._journal = Journal(store)
        self._left: set[tuple[Hash, Address]] = set()
        """Channels and clients whose settlement is the parties' matter: it would not pay us."""
        self._budget: Counter[Address] = Counter()
        self.chores = Chores()
        self._log = structlog.get_logger("tower")

    async def run(self) -> None:
        """Until it is cancelled. ConfigError where it cannot run."""
        certificate = Certificate(self.settings.folder)
        try:
            async with asyncio.TaskGroup() as tasks:
                for chain in self.chains.values():
                    tasks.create_task(chain.follow(self._take_news))
                    tasks.create_task(chain.send())
                tasks.create_task(self.neighbours.serve(self.settings.host, self.settings.port, certificate))
                tasks.create_task(self._journal.watch())
                tasks.create_task(self._tick())
                if self._forced is not None:
                    tasks.create_task(self._forced.watch())
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None
        finally:
            await self.neighbours.close()
            await self.chores.stop()

    # -- clients

    async def _take(self, session: Session, message: Message) -> None:
        if isinstance(message, AskTower):
            await session.send(self.settings.terms)
        elif isinstance(message, Delegate):
            try:
                receipt = await self._delegated(session.address, message)
            except (NotTaken, BadSignature) as reason:
                self.counts["declined"] += 1
                await session.send(Declined(message.channel, str(reason)))
            else:
                await session.send(receipt)

    async def _delegated(self, client: Address, newest: Delegate) -> Receipt:
        """A receipt, when it is on the disk."""
        self._budget[client] += 1
        if self._budget[client] > MOST_A_SECOND:
            raise NotTaken("that is too much for now: send the newest states less often")
        chain = self.chains.get(newest.chain_id)
        on_chain = None if chain is None else chain.latest.channels.get(newest.channel)
        if chain is None or on_chain is None or client not in (on_chain.key.party0, on_chain.key.party1):
            raise NotTaken("it is no channel of yours on a chain that is watched here: wait until it is open")
        if on_chain.status != Status.OPEN:
            raise NotTaken("the channel is closing")
        if on_chain.key.window < chain.timing.least_window:
            raise NotTaken(
                f"its window is {on_chain.key.window} s: {chain.timing.least_window} are needed to act in time"
            )
        before = self.rows.get((newest.channel, client))
        if before is None and self._clients[client] >= self.settings.terms.most_channels:
            raise NotTaken(f"{self.settings.terms.most_channels} channels of yours are watched already")
        if before is not None and before.newest.chain_id != chain.id:
            raise NotTaken("a channel of the same name on another chain is watched already")
        if before is not None and not _is_newer(newest, before.newest):
            raise NotTaken("a newer state is watched already")
        self._check(chain, on_chain, client, newest)
        row = Row(client, newest)
        if before is None:
            self._clients[client] += 1
        self.rows[newest.channel, client] = row  # before it is written: nothing that is late forgets it
        await self._journal.write(write_row(row))
        self.counts["delegations"] += 1
        receipt = Receipt(
            chain.id,
            newest.channel,
            client,
            newest.theirs.lane.nonce,
            newest.own.lane.nonce,
            newest.reward,
            newest.valid_until,
            chain.now(),
        )
        return replace(receipt, signature=self.identity.sign(receipt.digest(chain.domain)))

    def _check(self, chain: Chain, on_chain: OnChain, client: Address, newest: Delegate) -> None:
        """Everything that is needed on the day is there, and what it earns is promised. NotTaken, BadSignature."""
        key, terms = on_chain.key, self.settings.terms
        side = key.side(client)
        other: Side = 0 if side else 1
        for lane_side, signed in ((other, newest.theirs), (side, newest.own)):
            if signed.lane.locked > on_chain.funds.total:
                raise NotTaken("a lane has locks for more than there is in the channel")
            if signed.lane.nonce:
                signed.check(chain.domain, key, lane_side)
            elif signed.lane != Lane():
                raise NotTaken("a lane that nobody has signed is empty")
        refs = {lock.ref for lock in newest.theirs.lane.locks}
        if not {secret_hash(secret) for secret in newest.secrets} <= refs:
            raise NotTaken("a secret opens no lock of the lane")
        least = terms.reward(chain.id, key.token, on_chain.funds.total)
        if least is None:
            raise NotTaken(f"channels in this token are not watched on {chain.name}")
        if not least <= newest.reward <= MOST_REWARD:
            raise NotTaken(f"the reward is {newest.reward}, {least} is asked for")
        if least_part(on_chain, side, newest.theirs.lane, newest.own.lane) < newest.reward:
            raise NotTaken(f"there is too little in the channel for you: the reward of {newest.reward} comes out of it")
        if newest.valid_until < chain.now() + LEAST_VALID * key.window:
            raise NotTaken(f"the promise to pay must be valid for {LEAST_VALID} windows at least")
        check_signature(self._pay_digest(chain, client, newest), newest.signature, client)

    def _pay_digest(self, chain: Chain, client: Address, newest: Delegate) -> Hash:
        nonce = newest.theirs.lane.nonce
        return chain.domain.tower_pay(
            newest.channel, client, nonce, self.identity.address, newest.reward, newest.valid_until
        )

    # -- chains

    async def _take_news(self, chain: Chain, changed: set[Hash]) -> None:
        for channel in changed:
            certain = chain.certain.channels.get(channel)
            if certain is not None and certain.status == Status.SETTLED:
                for party in (certain.key.party0, certain.key.party1):
                    row = self.rows.get((channel, party))
                    if row is not None and row.newest.chain_id == chain.id:
                        await self._forget(row)

    async def _forget(self, row: Row) -> None:
        """Unless there is a newer one meanwhile."""
        if self.rows.get((row.newest.channel, row.client)) is not row:
            return
        del self.rows[row.newest.channel, row.client]
        self._clients[row.client] -= 1
        self._left.discard((row.newest.channel, row.client))
        self.chores.forget(row.newest.channel)
        await self._journal.write(delete_row(row))

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            self._budget.clear()
            secrets: dict[int, set[bytes]] = {}
            for row in list(self.rows.values()):
                chain = self.chains.get(row.newest.chain_id)
                on_chain = None if chain is None else chain.latest.channels.get(row.newest.channel)
                if chain is None or on_chain is None:
                    continue
                if on_chain.status == Status.CLOSING:
                    secrets.setdefault(chain.id, set()).update(self._defend(chain, on_chain, row))
                elif on_chain.status == Status.OPEN and chain.now() > row.newest.valid_until:
                    await self._forget(row)
            for chain_id, due in secrets.items():
                if due:
                    chain = self.chains[chain_id]
                    self.chores.start(ZERO_HASH, "register", partial(chain.register_secrets, sorted(due)), chain_id)

    def _defend(self, chain: Chain, on_chain: OnChain, row: Row) -> set[bytes]:
        """What a client that is there would do; it may be doing it too. Secrets that are due."""
        key, newest = on_chain.key, row.newest
        side = key.side(row.client)
        other: Side = 0 if side else 1
        if chain.now() >= on_chain.settle_at:
            if (key.id, row.client) not in self._left:
                self.chores.start(key.id, "settle", partial(self._settle, chain, on_chain, side, row), side)
            return set()
        if not self._is_promised(chain, on_chain, row):
            return set()
        if is_worse(on_chain.shown[side], newest.own.lane):
            self.chores.start(key.id, "show", partial(chain.update, key, side, newest.own), side)
        if newest.theirs.lane.nonce > on_chain.shown[other].nonce:
            pay = TowerPay(side, newest.theirs.lane.nonce, self.identity.address, newest.reward, newest.valid_until)
            self.chores.start(key.id, "rescue", partial(self._rescue, chain, row, other, newest.theirs, pay), other)
        by_ref = {secret_hash(secret): secret for secret in newest.secrets}
        largest = sorted(newest.theirs.lane.locks, key=lambda lock: -lock.amount)
        worth = [lock for lock in largest if lock.ref in by_ref and lock.amount >= self._least(on_chain, row)]
        return {
            by_ref[lock.ref]
            for lock in worth[:MOST_SECRETS]
            if lock.ref not in chain.latest.secrets and chain.now() <= lock.expiry
        }

    def _is_promised(self, chain: Chain, on_chain: OnChain, row: Row) -> bool:
        """Whether the client's promise to pay still holds, and his part, which may be withdrawn by now, can keep it."""
        newest, side = row.newest, on_chain.key.side(row.client)
        own = max(newest.own.lane, on_chain.shown[side], key=lambda lane: lane.nonce)
        is_covered = least_part(on_chain, side, newest.theirs.lane, own) >= newest.reward
        return is_covered and chain.now() <= newest.valid_until

    def _least(self, on_chain: OnChain, row: Row) -> int:
        """Below that nothing is worth a transaction."""
        return self.settings.terms.reward(row.newest.chain_id, on_chain.key.token, 0) or 0

    async def _settle(self, chain: Chain, on_chain: OnChain, side: Side, row: Row) -> None:
        """If it pays us; else it is for the parties to do."""
        tower, reward = await chain.rescue(on_chain.key.id, side)
        known = Knowledge({ref: secret.at for ref, secret in chain.latest.secrets.items()})
        part = settle(on_chain.funds, on_chain.shown, known)[side]
        if tower != self.identity.address or min(reward, part) < self._least(on_chain, row):
            self._left.add((on_chain.key.id, row.client))
            return
        await chain.settle(on_chain)

    async def _rescue(self, chain: Chain, row: Row, side: Side, lane: SignedLane, pay: TowerPay) -> None:
        key = chain.latest.channels[row.newest.channel].key
        self._log.warning("an old state is shown: the newer one goes on chain", channel=key.id[:4].hex())
        await chain.update_for_reward(key, side, lane, pay, row.newest.signature)
        await self._journal.write(write_rescue(row, int(time.time())))


def _is_newer(one: Delegate, other: Delegate) -> bool:
    """Neither lane older; the same again is answered again."""
    return one.theirs.lane.nonce >= other.theirs.lane.nonce and one.own.lane.nonce >= other.own.lane.nonce
