"""One chain that channels live on: what its ChannelManager says, and transactions to it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from threading import Event
from typing import Any, Protocol

import structlog
from eth_account.signers.local import LocalAccount
from web3.contract import Contract
from web3.contract.contract import ContractFunction

from tandem.channels.endpoint import SignedLane
from tandem.channels.ledger import Ledger, OnChain
from tandem.channels.sessions import AppDomain, Session, SignedState
from tandem.channels.signing import SigningDomain
from tandem.channels.states import ChannelKey, CoopClose, Lane, Side, TowerPay, Withdrawal, encode_locks
from tandem.channels.timing import Timing
from tandem.errors import ConfigError, TandemError
from tandem.l1.channel_reader import ChannelReader
from tandem.l1.contracts import NO_ANSWER, abi, checksum, connect
from tandem.l1.log_feed import L1Moved
from tandem.l1.sender import L1Sender, Reverted, SendFailure
from tandem.primitives.hashing import keccak
from tandem.primitives.types import ZERO_ADDRESS, Address, Hash, Seconds

MOST_SECRETS = 100
"""Secrets that one transaction registers; the contract takes up to 256."""
MOST_FORCED = 20
"""The same where the transaction may have to take the detour: a message's gas is bounded."""
GATHER = 0.05
"""Seconds in which transactions are gathered that go out together."""
RETRY = 2.0
"""Seconds between two tries to reach a chain that does not answer."""
ERC20 = [
    {
        "type": "function",
        "name": name,
        "stateMutability": mutability,
        "inputs": [{"name": f"a{at}", "type": kind} for at, kind in enumerate(inputs)],
        "outputs": [{"name": "", "type": output}],
    }
    for name, mutability, inputs, output in (
        ("approve", "nonpayable", ("address", "uint256"), "bool"),
        ("allowance", "view", ("address", "address"), "uint256"),
        ("balanceOf", "view", ("address",), "uint256"),
        ("symbol", "view", (), "string"),
        ("decimals", "view", (), "uint8"),
    )
]


class Detour(Protocol):
    """Another way to have a transaction done, where the usual one does not work."""

    async def take(self, contract: Address, data: bytes) -> None:
        """A call, sent again and again until it is on its way. ChainFailure."""
        ...


class ChainFailure(TandemError):
    """A chain did not do what it was asked for. The message says why."""


@dataclass(frozen=True, slots=True)
class _Call:
    """A transaction to be sent. `is_urgent`: others win if it is not done in time."""

    function: ContractFunction
    value: int
    is_urgent: bool
    done: asyncio.Future[Any]

    @property
    def what(self) -> str:
        """It is about: what of what channel, or secrets."""
        first = self.function.args[0] if self.function.args else ""
        return f"{self.function.fn_name} {first if isinstance(first, tuple) else ''}"

    def data(self, chain_id: int) -> bytes:
        """As a transaction has it."""
        blank: Any = {"gas": 0, "gasPrice": 0, "nonce": 0, "chainId": chain_id, "value": self.value}
        return bytes.fromhex(str(self.function.build_transaction(blank)["data"])[2:])


@dataclass(frozen=True, slots=True)
class TokenInfo:
    """How people write amounts of it."""

    symbol: str
    decimals: int


@dataclass(frozen=True, slots=True)
class ChainSettings:
    """Where a chain is, and how it is dealt with."""

    name: str
    url: str
    chain_id: int
    manager: Address
    registry: Address
    """AppRegistry, of application sessions."""
    start_block: int
    confirmations: int
    """Blocks behind its head that no re-org changes."""
    timing: Timing
    poll: float = 1.0
    """Seconds between two looks at it."""
    asks_for_final: bool = False
    """Whether its `finalized` block counts too: a chain that makes no blocks would confirm nothing."""


class Chain:
    """Its ledgers are as of the last look; transactions go out one after the other, many at once."""

    def __init__(self, settings: ChainSettings, account: LocalAccount) -> None:
        self.settings = settings
        self.name = settings.name
        self.id = settings.chain_id
        self.timing = settings.timing
        self.domain = SigningDomain(settings.chain_id, settings.manager)
        self.apps = AppDomain(settings.chain_id, settings.registry)
        self._web3 = connect(settings.url)
        self._contract = self._web3.eth.contract(address=checksum(settings.manager), abi=abi("ChannelManager"))
        self._registry = self.contract("AppRegistry", settings.registry)
        self._reader = ChannelReader(
            self._web3,
            settings.manager,
            settings.start_block,
            settings.confirmations,
            settings.registry,
            asks_for_final=settings.asks_for_final,
        )
        self._stopping = Event()
        self._sender = L1Sender(self._web3, account, self._stopping)
        self._queue: asyncio.Queue[_Call] = asyncio.Queue(1_000)
        self._approving = asyncio.Lock()
        self.detour: Detour | None = None
        """For what must be done in time: on L2 the way through L1, which no sequencer can close."""
        self._failing: dict[str, float] = {}
        """What must be done in time, and since when it cannot be sent."""
        self._tokens = {ZERO_ADDRESS: TokenInfo("ETH", 18)}
        self._offset = 0.0
        self.is_synced = False
        self.is_reachable = False
        self.transactions = 0
        """Mined for us since the start."""
        self.gas_used = 0
        """By these."""
        self._log = structlog.get_logger("chain").bind(chain=settings.name)

    # -- what it says

    @property
    def latest(self) -> Ledger:
        """As of its newest block."""
        return self._reader.latest

    @property
    def certain(self) -> Ledger:
        """As of what no re-org changes."""
        return self._reader.certain

    @property
    def certain_time(self) -> Seconds:
        """Of the block that `certain` stands at."""
        return self._reader.certain_time

    @property
    def block(self) -> int:
        """Its newest, as far as it was read."""
        return self._reader.block

    def now(self) -> Seconds:
        """The later of our clock and the chain's: what is decided by the chain's clock must not be late."""
        return Seconds(int(time.time() + max(self._offset, 0.0)))

    async def follow(self, take: Callable[["Chain", set[Hash]], Awaitable[None]]) -> None:
        """Look at it again and again; `take` has the channels that have changed. Ends when it is cancelled."""
        await self._check_id()
        block = -1
        while True:
            try:
                changed, is_all = await asyncio.to_thread(self._reader.poll)
                self.is_reachable = True
            except (*NO_ANSWER, L1Moved) as reason:
                if self.is_reachable or not self.is_synced:
                    self._log.warning("the chain does not answer", reason=str(reason), retry_in=RETRY)
                self.is_reachable = False
                await asyncio.sleep(RETRY)
                continue
            if self._reader.block != block:
                block, self._offset = self._reader.block, self._reader.time - time.time()
            self.is_synced = self.is_synced or is_all
            await take(self, changed)
            if is_all:
                await asyncio.sleep(self.settings.poll)

    async def _check_id(self) -> None:
        """ConfigError where another chain answers."""
        while True:
            try:
                actual = await asyncio.to_thread(lambda: self._web3.eth.chain_id)
                break
            except NO_ANSWER as reason:
                self._log.warning("the chain does not answer", reason=str(reason), retry_in=RETRY)
                await asyncio.sleep(RETRY)
        if actual != self.id:
            raise ConfigError(f"{self.settings.url} answers with chain id {actual}, {self.name} has {self.id}")

    async def balance(self, token: Address = ZERO_ADDRESS) -> int:
        """Of the own account, wei or units of the token. ChainFailure."""
        account = checksum(bytes.fromhex(self._sender.address[2:]))
        if token == ZERO_ADDRESS:
            return int(await self._call(lambda: self._web3.eth.get_balance(account)))
        contract = self._token(token)
        return int(await self._call(lambda: contract.functions.balanceOf(account).call()))

    async def describe(self, token: Address) -> TokenInfo:
        """How people write amounts of a token; in its units where it does not say."""
        if token not in self._tokens:
            functions = self._token(token).functions
            try:
                symbol = str(await self._call(functions.symbol().call))[:16]
                decimals = int(await self._call(functions.decimals().call))
            except ChainFailure:
                symbol, decimals = "units", 0
            self._tokens[token] = TokenInfo(symbol, decimals)
        return self._tokens[token]

    # -- what we do on it

    async def open(self, key: ChannelKey, amount: int) -> Any:
        """With a deposit of our own."""
        return await self._pay_in(key, amount, self._contract.functions.open(_key(key), amount))

    async def deposit(self, key: ChannelKey, side: Side, amount: int) -> Any:
        """For a side."""
        return await self._pay_in(key, amount, self._contract.functions.deposit(_key(key), side, amount))

    async def withdraw(self, key: ChannelKey, taken: Withdrawal, signatures: tuple[bytes, bytes]) -> Any:
        """By consent."""
        fields = (taken.side, taken.total, taken.valid_until)
        return await self._send(self._contract.functions.withdraw(_key(key), fields, *signatures))

    async def coop_close(self, key: ChannelKey, close: CoopClose, signatures: tuple[bytes, bytes]) -> Any:
        """By consent."""
        fields = (*close.balances, close.valid_until)
        return await self._send(self._contract.functions.coopClose(_key(key), fields, *signatures))

    async def close(self, key: ChannelKey, lanes: tuple[SignedLane, SignedLane]) -> Any:
        """Alone, with the newest states of both lanes."""
        return await self._send(self._contract.functions.close(_key(key), *map(_proof, lanes)), is_urgent=True)

    async def update(self, key: ChannelKey, side: Side, lane: SignedLane) -> Any:
        """Show a newer state of a side's lane."""
        return await self._send(self._contract.functions.update(_key(key), side, _proof(lane)), is_urgent=True)

    async def update_for_reward(
        self, key: ChannelKey, side: Side, lane: SignedLane, pay: TowerPay, signature: bytes
    ) -> Any:
        """The same for a reward that the other lane's side has signed."""
        fields = pay.side, pay.min_nonce, checksum(pay.tower), pay.reward, pay.valid_until
        call = self._contract.functions.updateForReward(_key(key), side, _proof(lane), fields, signature)
        return await self._send(call, is_urgent=True)

    async def rescue(self, channel: Hash, side: Side) -> tuple[Address, int]:
        """The tower that a side has to pay in the end, and how much at most. ChainFailure."""
        tower, reward = await self.ask(self._contract.functions.getRescue(channel, side))
        return Address(bytes.fromhex(tower[2:])), int(reward)

    async def settle(self, channel: OnChain) -> Any:
        """Behind the window."""
        locks = [encode_locks(lane.locks) for lane in channel.shown]
        return await self._send(self._contract.functions.settle(_key(channel.key), *locks), is_urgent=True)

    async def register_secrets(self, secrets: Sequence[bytes]) -> None:
        """As many as there are, in as few transactions as can be."""
        most = MOST_SECRETS if self.detour is None else MOST_FORCED
        parts = [secrets[at : at + most] for at in range(0, len(secrets), most)]
        calls = [self._contract.functions.registerSecrets(list(part)) for part in parts]
        await asyncio.gather(*(self._send(call, is_urgent=True) for call in calls))

    async def claimable(self, token: Address) -> int:
        """What could not be paid out to us: the token refused it, wei or the token's units. ChainFailure."""
        return int(await self.ask(self._contract.functions.claimable(checksum(token), self._sender.address)))

    async def claim(self, token: Address) -> Any:
        """Have it paid out. ChainFailure where the token still refuses."""
        return await self._send(self._contract.functions.claim(checksum(token), self._sender.address))

    # -- application sessions

    async def put_state(self, session: Session, state: SignedState) -> Any:
        """A state that both players have signed."""
        call = self._registry.functions.put(_session(session), state.turn, state.state, *state.signatures)
        return await self._send(call, is_urgent=True)

    async def move_state(self, session: Session, before: bytes, after: SignedState) -> Any:
        """A turn of the player who has signed it alone."""
        [signature] = filter(None, after.signatures)
        call = self._registry.functions.move(_session(session), before, after.state, signature)
        return await self._send(call, is_urgent=True)

    async def resolve_session(self, session: Session, state: bytes) -> Any:
        """It is over."""
        return await self._send(self._registry.functions.resolve(_session(session), state), is_urgent=True)

    async def is_agreed(self, session: Session, state: bytes) -> bool | None:
        """Whether this state, which stands on chain, was signed by both; None: another one stands there."""
        _, is_agreed, *_, state_hash = await self.ask(self._registry.functions.getSession(session.id))
        return bool(is_agreed) if state_hash == keccak(state) else None

    # -- sending

    async def send(self) -> None:
        """Send what is queued, for ever. Run it beside `follow`."""
        try:
            while True:
                batch = [await self._queue.get()]
                await asyncio.sleep(GATHER)
                while not self._queue.empty():
                    batch.append(self._queue.get_nowait())
                await asyncio.shield(asyncio.ensure_future(self._send_batch(batch)))
        finally:
            self._stopping.set()

    async def _send_batch(self, batch: list[_Call]) -> None:
        outcomes: Sequence[Any]
        try:
            calls = [(call.function, call.value) for call in batch]
            outcomes = await asyncio.to_thread(self._sender.send_all, calls)
        except NO_ANSWER as reason:
            outcomes = [ChainFailure(f"{self.name} does not answer: {reason}")] * len(batch)
        for call, outcome in zip(batch, outcomes, strict=True):
            if not isinstance(outcome, Exception):
                self.transactions += 1
                self.gas_used += outcome["gasUsed"]
                self._failing.pop(call.what, None)
                name = call.function.fn_name
                self._log.info("mined", call=name, block=outcome["blockNumber"], gas=outcome["gasUsed"])
            elif call.is_urgent and not isinstance(outcome, Reverted):
                outcome = await self._go_round(call, outcome)
            if call.done.done():
                continue
            if isinstance(outcome, SendFailure):
                call.done.set_exception(ChainFailure(f"{self.name}: {outcome}"))
            elif isinstance(outcome, Exception):
                call.done.set_exception(outcome)
            else:
                call.done.set_result(outcome)

    async def _go_round(self, call: _Call, outcome: Exception) -> Exception:
        """What could not be sent for some time takes the detour, where there is one. Why it is not done yet."""
        since = self._failing.setdefault(call.what, time.monotonic())
        if self.detour is None or time.monotonic() - since < self.timing.settle:
            return outcome
        try:
            await self.detour.take(Address(bytes.fromhex(call.function.address[2:])), call.data(self.id))
        except ChainFailure as reason:
            return reason
        return ChainFailure(f"{call.function.fn_name} is on its way to {self.name} through L1")

    async def _send(self, function: ContractFunction, value: int = 0, *, is_urgent: bool = False) -> Any:
        """The receipt. ChainFailure."""
        done = asyncio.get_running_loop().create_future()
        await self._queue.put(_Call(function, value, is_urgent, done))
        return await done

    async def call(self, function: ContractFunction) -> Any:
        """Send a call of any contract, by our account. The receipt. ChainFailure."""
        return await self._send(function)

    async def ask(self, question: ContractFunction) -> Any:
        """What a contract says. ChainFailure."""
        return await self._call(question.call)

    def contract(self, name: str, address: Address) -> Contract:
        """Another contract of ours on this chain."""
        return self._web3.eth.contract(address=checksum(address), abi=abi(name))

    async def _pay_in(self, key: ChannelKey, amount: int, function: ContractFunction) -> Any:
        """Send a call that takes so much. What is approved of a token is for one call: the next one waits."""
        if key.token == ZERO_ADDRESS or amount == 0:
            return await self._send(function, amount)
        contract, spender = self._token(key.token), self._contract.address
        async with self._approving:
            allowance = contract.functions.allowance(self._sender.address, spender)
            if await self._call(allowance.call) < amount:
                await self._send(contract.functions.approve(spender, amount))
            return await self._send(function)

    async def _call(self, call: Callable[[], Any]) -> Any:
        try:
            return await asyncio.to_thread(call)
        except NO_ANSWER as reason:
            raise ChainFailure(f"{self.name}: {reason}") from reason

    def _token(self, token: Address) -> Any:
        return self._web3.eth.contract(address=checksum(token), abi=ERC20)


def _key(key: ChannelKey) -> tuple[Any, ...]:
    return checksum(key.party0), checksum(key.party1), checksum(key.token), key.window, key.salt


def _session(session: Session) -> tuple[Any, ...]:
    players = checksum(session.player0), checksum(session.player1)
    return *players, checksum(session.app), session.timeout, session.salt, session.terms


def _proof(signed: SignedLane) -> tuple[Any, ...]:
    lane: Lane = signed.lane
    return lane.nonce, lane.transferred, encode_locks(lane.locks), *signed.signatures
