"""Deploys the rollup and speaks for its L2: states with chosen withdrawals in them, and assertions about them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

import ape
import rlp
from eth_utils import keccak, to_canonical_address, to_checksum_address

from tandem.disputes.edges import Level
from tandem.machine.modes import Mode
from tandem.machine.trace import STEP_DEPTH
from tandem.rollup.assertions import TRACE_DEPTH
from tests.contracts import tree_model
from tests.contracts.tree_model import abi_hash
from tests.support.toy_machine import Alter, Claim, ToyState, ToyTrace, honestly

DELAY = 3_600  # force inclusion, seconds
WINDOW = 7_200  # challenge, seconds
BOND = 10**18
STEP_BOND = 10**17
HEIGHTS = (TRACE_DEPTH, STEP_DEPTH)
LONGEST = 8  # steps of the toy machine between two boundaries
LEAVES = 3  # boundaries of a trace, where a test asks for no others
ALIAS_OFFSET = 0x1111000000000000000000000000000000001111
SYSTEM_SENDER = "0xffffFFFfFFffffffffffffffFfFFFfffFFFfFFfE"
MESSAGE_PASSER = "0x5400000000000000000000000000000000000001"
TOKEN_FACTORY = "0x5400000000000000000000000000000000000002"
L1_INFO = "0x5400000000000000000000000000000000000003"
FEE_VAULT = "0x5400000000000000000000000000000000000004"
ZERO_ADDRESS = "0x" + "00" * 20
SENT = (1).to_bytes(32, "big")

WITHDRAWAL_TYPES = ["uint256", "address", "address", "uint256", "uint256", "bytes32"]


class Context(NamedTuple):
    """An L1Context, which ape decodes to a list."""

    number: int
    hash: bytes
    timestamp: int
    base_fee: int


def context_of(log: Any) -> Context:
    return Context(*log.context)


def created_address(deployer: str, nonce: int) -> str:
    """Address of the contract that an account creates with this nonce."""
    return to_checksum_address(keccak(rlp.encode([to_canonical_address(deployer), nonce]))[12:])


def alias(address: str) -> str:
    return to_checksum_address(((int(address, 16) + ALIAS_OFFSET) % 2**160).to_bytes(20, "big"))


def unalias(address: str) -> str:
    return to_checksum_address(((int(address, 16) - ALIAS_OFFSET) % 2**160).to_bytes(20, "big"))


def pass_time(seconds: int) -> None:
    ape.chain.pending_timestamp += seconds
    ape.chain.mine()


def now() -> int:
    return ape.chain.blocks.head.timestamp


@contextmanager
def taken_back() -> Iterator[None]:
    """What is done to the chain herein is undone.

    ape's own isolation loses snapshots where fixtures of several scopes deploy, and says nothing then; its
    chain.isolate() swallows exceptions.
    """
    provider = ape.chain.provider
    head = provider.snapshot()
    try:
        yield
    finally:
        provider.restore(head)
        ape.chain.history.revert_to_block(ape.chain.blocks.height)
        assert ape.chain.blocks.head.hash == head


def place(address: str, code: bytes | None = None, storage: dict[int, int] | None = None) -> None:
    """Gives an address code and storage, as a genesis does: py-evm's pending block starts from the changed state."""
    backend_chain = ape.chain.provider.evm_backend.chain
    state = backend_chain.get_vm().state
    canonical = to_canonical_address(address)
    if code is not None:
        state.set_code(canonical, code)
    for slot, value in (storage or {}).items():
        state.set_storage(canonical, slot, value)
    state.persist()
    backend_chain.header = backend_chain.header.copy(state_root=state.state_root)
    ape.chain.mine()


def place_contract(address: str, container: Any, storage: dict[int, int] | None = None) -> Any:
    """Puts a contract's runtime code at an address."""
    code = container.contract_type.runtime_bytecode.bytecode
    place(address, bytes.fromhex(code.removeprefix("0x")), storage)
    return ape.Contract(address, contract_type=container.contract_type)


def storage_key(withdrawal_hash: bytes) -> bytes:
    return keccak(abi_hash(["bytes32", "uint256"], [withdrawal_hash, 0]))


@dataclass(frozen=True)
class Withdrawal:
    target: str
    nonce: int = 0
    sender: str = "0x00000000000000000000000000000000000A11cE"
    value: int = 0
    gas_limit: int = 100_000
    data: bytes = b""

    @property
    def abi(self) -> tuple:
        return (self.nonce, self.sender, self.target, self.value, self.gas_limit, self.data)

    @property
    def hash(self) -> bytes:
        return abi_hash(WITHDRAWAL_TYPES, [*self.abi[:5], keccak(self.data)])


@dataclass
class L2State:
    """An L2 block as L1 sees it: a header, the message passer's account in it, and the withdrawals in that account."""

    withdrawals: list[Withdrawal] = field(default_factory=list)
    messages: int = 0
    batches: int = 0
    salt: int = 0  # two states that differ in nothing else

    def __post_init__(self) -> None:
        self.storage = {storage_key(w.hash): SENT for w in self.withdrawals}
        self.storage[keccak(b"nonce slot")] = (len(self.withdrawals) + 1).to_bytes(32, "big")
        self.withdrawal_root = tree_model.root(self.storage)
        self.passer = (0, 0, keccak(b"code"), keccak(b"chunks"), 4, self.withdrawal_root)
        self.passer_key = keccak(to_canonical_address(MESSAGE_PASSER))
        self.accounts = {keccak(bytes([i]) * 20): keccak(bytes([i, self.salt])) for i in range(20)}
        record = abi_hash(["uint256", "uint256", "bytes32", "bytes32", "uint256", "bytes32"], list(self.passer))
        self.accounts[self.passer_key] = record
        self.state_root = tree_model.root(self.accounts)
        self.header = [i.to_bytes(32, "big") for i in range(17)]
        self.header[3] = self.state_root
        self.header[15] = self.messages.to_bytes(32, "big")
        self.block_hash = keccak(b"".join(self.header))

    @property
    def abi(self) -> tuple:
        return (self.block_hash, self.state_root, self.withdrawal_root, self.batches, self.messages)

    @property
    def hash(self) -> bytes:
        return abi_hash(["bytes32", "bytes32", "bytes32", "uint64", "uint64"], list(self.abi))

    @property
    def passer_proof(self) -> tuple:
        return tree_model.prove(self.accounts, self.passer_key).abi

    def prove(self, withdrawal: Withdrawal) -> tuple:
        return tree_model.prove(self.storage, storage_key(withdrawal.hash)).abi


def machine_words(mode: Mode, state: L2State, batches: int, target: int) -> bytes:
    """What the hash of a machine between two batches is of."""
    cursor = keccak(b"".join(n.to_bytes(32, "big") for n in (batches, target, state.messages, *[0] * 7)))
    return mode.to_bytes(32, "big") + bytes(96) + state.block_hash + bytes(32) + cursor


@dataclass(frozen=True)
class Assertion:
    parent: bytes
    state: L2State
    inbox_acc: bytes
    trace: ToyTrace
    trace_root: bytes

    @property
    def abi(self) -> tuple:
        return (self.parent, self.state.abi, self.trace_root, self.inbox_acc)

    @property
    def id(self) -> bytes:
        return abi_hash(["bytes32"] * 4, [self.parent, self.state.hash, self.trace_root, self.inbox_acc])

    @property
    def claim(self) -> Claim:
        """What it says about its trace."""
        return Claim(self.parent, Level.TRACE, self.trace.start.hash, self.trace.tree)

    @property
    def arguments(self) -> tuple:
        state = self.state
        return (self.abi, state.header, state.passer, state.passer_proof, self.claim.end_proof)


@dataclass
class World:
    """The rollup's contracts on one L1, with a toy machine for a judge."""

    project: Any
    deployer: Any
    sequencer: Any
    heights: tuple[int, int] = HEIGHTS
    step_bond: int = STEP_BOND

    def __post_init__(self) -> None:
        project, deployer = self.project, self.deployer
        self.toy = deployer.deploy(project.ToyMachine, LONGEST)
        self.genesis = L2State()
        nonce = deployer.nonce
        game, bridge = (created_address(deployer.address, nonce + at) for at in (2, 3))
        self.inbox = deployer.deploy(project.Inbox, bridge, self.sequencer, DELAY)
        self.rollup = deployer.deploy(project.Rollup, self.inbox, game, BOND, self.genesis.abi)
        self.game = deployer.deploy(project.DisputeGame, self.rollup, self.toy, *self.heights, WINDOW, self.step_bond)
        self.bridge = deployer.deploy(project.Bridge, self.inbox, self.rollup)
        self.token_bridge = deployer.deploy(project.TokenBridge, self.bridge, self.inbox)
        self.genesis_id = bytes(self.rollup.genesis())
        self._states = {self.genesis_id: self.genesis}

    def batch(self, count: int = 1) -> None:
        """Queues empty batches that consume all messages."""
        for _ in range(count):
            self.inbox.submitBatch(b"\x00\x00\xc0", self.inbox.messageCount(), sender=self.sequencer)

    def assertion(
        self,
        parent: bytes,
        state: L2State,
        *,
        inbox_acc: bytes | None = None,
        leaves: int = LEAVES,
        alter: Alter = honestly,
    ) -> Assertion:
        """With the trace that the toy machine takes to `state`, except for what is altered."""
        acc = bytes(self.inbox.batchAcc(state.batches)) if inbox_acc is None else inbox_acc
        before = self._states.get(parent, self.genesis)
        start = ToyState(machine_words(Mode.BATCH, before, before.batches, state.batches))
        end = ToyState(machine_words(Mode.HALTED, state, state.batches, state.batches))
        trace = ToyTrace(start, end, leaves, longest=LONGEST, depths=self.heights, alter=alter)
        return Assertion(parent, state, acc, trace, trace.tree.root)

    def create(self, assertion: Assertion, asserter: Any, **options: Any) -> Any:
        self._states[assertion.id] = assertion.state
        return self.rollup.createAssertion(*assertion.arguments, sender=asserter, value=BOND, **options)

    def teach(self, *assertions: Assertion) -> Self:
        """Where their runs end is the toy machine's truth, unless it knows of another end for the same run."""
        for assertion in assertions:
            exit_, end = assertion.trace.exit.hash, assertion.trace.end.hash
            if bytes(self.toy.exits(exit_)) == bytes(32):
                self.toy.finish(exit_, end, sender=self.deployer)
        return self

    def confirmed(self, withdrawals: list[Withdrawal], asserter: Any) -> Assertion:
        """A confirmed assertion, child of the latest confirmed one, whose state has these withdrawals."""
        parent = bytes(self.rollup.latestConfirmed())
        required = self.rollup.requiredBatches(parent)
        self.batch(max(0, required - self.inbox.batchCount()))
        assertion = self.assertion(parent, L2State(withdrawals, batches=required))
        self.create(assertion, asserter)
        pass_time(WINDOW)
        self.rollup.confirmAssertion(assertion.id, sender=asserter)
        return assertion
