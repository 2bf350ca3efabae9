"""What ChannelManager's events come to, through re-orgs: now, and as of what stays. On anvil, mining on demand."""

from typing import Any

import pytest
from eth_account.signers.local import LocalAccount
from web3 import Web3

from story.stage import Layer
from tandem.channels.ledger import OnChain, SecretRevealed, Status
from tandem.channels.settlement import Funds, secret_hash
from tandem.channels.signing import SigningDomain, sign_digest
from tandem.channels.states import ChannelKey, CoopClose, Lane, Lock, LockKind, Side, Withdrawal, encode_locks
from tandem.l1 import log_feed as log_feed_module
from tandem.l1.channel_reader import ChannelReader
from tandem.l1.contracts import checksum
from tandem.l1.log_feed import L1Moved
from tandem.l1.signer import development_account
from tandem.primitives.hashing import keccak
from tandem.primitives.types import ZERO_ADDRESS, Address, Hash, Seconds
from tests.support.solidity import compile_contracts

pytestmark = pytest.mark.e2e
PARTIES = (development_account(3), development_account(4))
SECRET = keccak(b"secret")
NEVER = Seconds(2**40 - 1)
NO_LANE = (0, 0, b"", b"", b"")


def raw(account: LocalAccount) -> Address:
    return Address(bytes.fromhex(account.address[2:]))


KEY, OTHER = (
    ChannelKey(raw(PARTIES[0]), raw(PARTIES[1]), ZERO_ADDRESS, Seconds(60), keccak(name)) for name in (b"one", b"other")
)
LANES = (Lane(4, 30, (Lock(7, NEVER, LockKind.HASH, secret_hash(SECRET)),)), Lane(2, 5))
OPEN = OnChain(KEY)


class Channels:
    """A ChannelManager and both parties of its channels."""

    def __init__(self, anvil: Web3) -> None:
        self.web3 = anvil
        self.layer = Layer("L1", anvil)
        compiled = compile_contracts("channels/ChannelManager.sol")["ChannelManager"]
        factory = anvil.eth.contract(abi=compiled.abi, bytecode=compiled.creation)
        data = factory.constructor(checksum(ZERO_ADDRESS)).data_in_transaction
        receipt = self.layer.send(PARTIES[0], {"data": data, "value": 0}).receipt
        self.start_block = receipt["blockNumber"]
        self.manager = anvil.eth.contract(address=receipt["contractAddress"], abi=compiled.abi)
        self.address = Address(bytes.fromhex(receipt["contractAddress"][2:]))
        self.domain = SigningDomain(anvil.eth.chain_id, self.address)

    def reader(self, confirmations: int = 0, *, asks_for_final: bool = False) -> ChannelReader:
        return ChannelReader(self.web3, self.address, self.start_block, confirmations, asks_for_final=asks_for_final)

    def call(self, name: str, *arguments: Any, by: Side = 0, value: int = 0) -> int:
        """The time of its block."""
        sent = self.layer.call(PARTIES[by], getattr(self.manager.functions, name)(*arguments), value)
        return int(self.web3.eth.get_block(sent.receipt["blockNumber"])["timestamp"])

    def open(self, key: ChannelKey = KEY) -> None:
        self.call("open", fields(key), 0)

    def deposit(self, amount: int, side: Side = 0, key: ChannelKey = KEY) -> None:
        self.call("deposit", fields(key), side, amount, value=amount)

    def withdraw(self, taken: Withdrawal) -> None:
        digest = self.domain.withdraw(KEY.id, KEY.party(taken.side), taken.total, taken.valid_until)
        self.call("withdraw", fields(KEY), (taken.side, taken.total, taken.valid_until), *signed(digest))

    def end(self, key: ChannelKey, end: CoopClose) -> int:
        digest = self.domain.coop_close(key.id, end.balances, end.valid_until)
        return self.call("coopClose", fields(key), (*end.balances, end.valid_until), *signed(digest))

    def close(self, *lanes: Lane, by: Side = 0) -> int:
        """By a side alone, with states of both lanes or without."""
        proofs = [self.proof(side, lane) for side, lane in zip((0, 1), lanes, strict=True)] if lanes else [NO_LANE] * 2
        return self.call("close", fields(KEY), *proofs, by=by)

    def proof(self, side: Side, lane: Lane) -> tuple[Any, ...]:
        digest = self.domain.lane(KEY.id, KEY.party(side), lane)
        return lane.nonce, lane.transferred, encode_locks(lane.locks), *signed(digest)

    def mine(self, time: int | None = None) -> int:
        """An empty block; its time."""
        if time is not None:
            self.rpc("evm_setNextBlockTimestamp", time)
        self.rpc("evm_mine")
        return int(self.web3.eth.get_block("latest")["timestamp"])

    def lose(self, blocks: int) -> None:
        """The newest blocks, and all that is in them: empty ones take their places."""
        self.rpc("anvil_reorg", blocks, [])

    def rpc(self, method: str, *arguments: Any) -> None:
        answer = self.web3.provider.make_request(method, list(arguments))  # type: ignore[arg-type]
        assert "error" not in answer, answer

    def time_of(self, block: int) -> int:
        return int(self.web3.eth.get_block(block)["timestamp"])


def fields(key: ChannelKey) -> tuple[Any, ...]:
    return (key.party0, key.party1, key.token, key.window, key.salt)


def signed(digest: Hash) -> list[bytes]:
    return [sign_digest(digest, bytes(account.key)) for account in PARTIES]


def drain(reader: ChannelReader) -> set[Hash]:
    """Polls until all is read: what has changed."""
    changed, is_all = reader.poll()
    while not is_all:
        more, is_all = reader.poll()
        changed |= more
    return changed


@pytest.fixture
def chain(anvil: Web3) -> Channels:
    return Channels(anvil)


def test_channels_live_and_end_as_their_events_say(chain: Channels) -> None:
    reader = chain.reader()
    chain.open()
    chain.deposit(1_000)
    chain.deposit(500, side=1)
    chain.deposit(200)
    assert drain(reader) == {KEY.id}
    assert reader.latest.channels == {KEY.id: OnChain(KEY, Funds((1_200, 500)))}
    chain.withdraw(Withdrawal(1, 100, NEVER))
    funds = Funds((1_200, 500), (0, 100))
    revealed = chain.call("registerSecrets", [SECRET])
    closed = chain.close(LANES[0], Lane(1, 1), by=1)
    chain.call("update", fields(KEY), 1, chain.proof(1, LANES[1]))
    chain.open(OTHER)
    chain.deposit(70, key=OTHER)
    ended = chain.end(OTHER, CoopClose((30, 40), NEVER))
    assert drain(reader) == {KEY.id, OTHER.id}
    settle_at = Seconds(closed + KEY.window)
    closing = OnChain(KEY, funds, Status.CLOSING, settle_at, raw(PARTIES[1]), LANES)
    other = OnChain(OTHER, Funds((70, 0)), Status.SETTLED, pays=(30, 40), settled_at=Seconds(ended))
    assert reader.latest.channels == {KEY.id: closing, OTHER.id: other}
    chain.mine(settle_at)
    end = chain.call("settle", fields(KEY), *(encode_locks(lane.locks) for lane in LANES))
    assert drain(reader) == {KEY.id}
    pays = 1_200 - 37 + 5, 500 - 100 + 32
    settled = OnChain(KEY, funds, Status.SETTLED, settle_at, raw(PARTIES[1]), LANES, pays, Seconds(end))
    assert reader.latest.channels[KEY.id] == settled
    assert reader.latest.secrets == {
        secret_hash(SECRET): SecretRevealed(SECRET, secret_hash(SECRET), Seconds(revealed))
    }
    assert reader.certain == reader.latest, "where nothing is waited for"
    assert (reader.block, reader.time) == (chain.web3.eth.block_number, chain.time_of(reader.block))
    assert reader.poll() == (set(), True)


def test_what_is_final_is_certain_although_nothing_was_built_upon_it(chain: Channels) -> None:
    """A chain that makes no blocks."""
    waiting, asking = chain.reader(10**6), chain.reader(10**6, asks_for_final=True)
    chain.open()
    chain.deposit(1_000)
    for reader in (waiting, asking):
        drain(reader)
        assert reader.latest.channels == {KEY.id: OnChain(KEY, Funds((1_000, 0)))}
    assert asking.certain.channels == {}
    deposited, changed = chain.web3.eth.block_number, set[Hash]()
    while chain.web3.eth.get_block("finalized")["number"] < deposited:
        chain.mine()
        changed |= drain(asking)
    assert drain(asking) | changed == {KEY.id}
    assert asking.certain.channels == asking.latest.channels
    assert waiting.certain.channels == {}


def test_what_is_certain_is_what_has_been_built_upon(chain: Channels) -> None:
    reader = chain.reader(confirmations=2)
    chain.open()
    assert drain(reader) == {KEY.id}
    assert (reader.latest.channels, reader.certain.channels) == ({KEY.id: OPEN}, {})
    chain.deposit(1_000)
    assert drain(reader) == {KEY.id}
    assert reader.certain.channels == {}
    chain.mine()
    assert drain(reader) == {KEY.id}, "it is certain now"
    assert reader.certain.channels == {KEY.id: OPEN}
    chain.mine()
    assert drain(reader) == {KEY.id}
    assert reader.certain.channels == reader.latest.channels == {KEY.id: OnChain(KEY, Funds((1_000, 0)))}
    assert reader.certain_time == chain.time_of(reader.block - 2)
    chain.mine()
    assert drain(reader) == set()


def test_the_certain_time_is_of_no_block_that_is_not_certain(chain: Channels) -> None:
    """However many blocks come between two looks."""
    reader = chain.reader(confirmations=3)
    time = chain.mine()
    for count in (1, 5, 1, 2, 1, 1):
        for _ in range(count):
            time = chain.mine(time + 10)
        drain(reader)
        assert reader.certain_time <= chain.time_of(reader.block - 3)
    assert reader.certain_time == chain.time_of(reader.block - 4), "the last look that is deep enough"


def test_events_that_a_reorg_loses_have_never_been(chain: Channels) -> None:
    reader = chain.reader(confirmations=2)
    chain.open()
    chain.deposit(1_000)
    chain.mine()
    drain(reader)
    first = chain.call("registerSecrets", [SECRET])
    chain.deposit(70)
    chain.open(OTHER)
    assert drain(reader) == {KEY.id, OTHER.id}
    assert reader.latest.channels == {KEY.id: OnChain(KEY, Funds((1_070, 0))), OTHER.id: OnChain(OTHER)}
    assert set(reader.latest.secrets) == {secret_hash(SECRET)}
    before = reader.certain.channels
    assert before == {KEY.id: OnChain(KEY, Funds((1_000, 0)))}
    chain.lose(3)
    assert drain(reader) == {KEY.id, OTHER.id}, "also what is not there any more"
    assert (reader.latest.channels, reader.latest.secrets) == (before, {})
    assert reader.certain.channels == before
    chain.mine(chain.time_of(reader.block) + 100)
    again = chain.call("registerSecrets", [SECRET])
    drain(reader)
    assert reader.latest.secrets[secret_hash(SECRET)].at == again > first


def test_a_reorg_of_what_was_certain_is_taken_as_it_is(chain: Channels) -> None:
    reader = chain.reader(confirmations=1)
    chain.open()
    chain.deposit(1_000)
    chain.deposit(500)
    chain.mine()
    drain(reader)
    assert reader.certain.channels == {KEY.id: OnChain(KEY, Funds((1_500, 0)))}
    chain.lose(3)
    assert drain(reader) == {KEY.id}
    assert reader.certain.channels == reader.latest.channels == {KEY.id: OPEN}


def test_a_chain_is_read_in_parts(chain: Channels, monkeypatch: pytest.MonkeyPatch) -> None:
    chain.open()
    for _ in range(5):
        chain.deposit(10)
    at_once = chain.reader(confirmations=1)
    drain(at_once)
    monkeypatch.setattr(log_feed_module, "MAX_RANGE", 2)
    in_parts = chain.reader(confirmations=1)
    blocks, is_all = [], False
    while not is_all:
        _, is_all = in_parts.poll()
        blocks.append(in_parts.block)
    assert blocks == [chain.start_block + count for count in (1, 3, 5, 6)]
    assert (in_parts.latest, in_parts.certain) == (at_once.latest, at_once.certain)
    assert in_parts.certain.channels[KEY.id].funds == Funds((40, 0))


def test_logs_with_a_gap_are_read_again(chain: Channels, monkeypatch: pytest.MonkeyPatch) -> None:
    """An endpoint's node may not have all of a block yet."""
    chain.open(OTHER)
    reader = chain.reader()
    drain(reader)
    chain.open()
    chain.deposit(1_000)
    get_logs = chain.web3.eth.get_logs
    monkeypatch.setattr(chain.web3.eth, "get_logs", lambda query: get_logs(query)[1:])
    with pytest.raises(L1Moved, match="logs were incomplete"):
        reader.poll()
    monkeypatch.undo()
    assert drain(reader) == {KEY.id, OTHER.id}
    expected = {OTHER.id: OnChain(OTHER), KEY.id: OnChain(KEY, Funds((1_000, 0)))}
    assert reader.latest.channels == reader.certain.channels == expected


def test_the_certain_time_is_of_a_block_that_there_is(chain: Channels) -> None:
    """A consent that is held void by it may still be used in the block that took the place."""
    reader = chain.reader(confirmations=1)
    start = chain.mine()
    drain(reader)
    chain.mine(start + 1_000)
    drain(reader)
    chain.rpc("anvil_rollback", 1)
    for time in (start + 10, start + 20):
        chain.mine(time)
    drain(reader)
    assert reader.certain_time <= chain.time_of(reader.block - 1)


def test_locks_of_no_kind_in_others_channels_do_not_stop_the_reading(chain: Channels) -> None:
    reader = chain.reader()
    chain.open()
    chain.open(OTHER)
    odd = Lane(1, 0, (Lock(1, NEVER, 9, keccak(b"ref")),))  # type: ignore[arg-type]
    chain.close(odd, Lane(1, 1))
    chain.deposit(70, key=OTHER)
    drain(reader)
    assert reader.latest.channels[OTHER.id].funds == Funds((70, 0))
