"""The rpc process on real sockets before a small engine: pool, builder and store, one block a transaction."""

import multiprocessing
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from eth_account import Account as EthAccount
from eth_account.signers.local import LocalAccount
from web3 import Web3

from localnet.ports import free_ports
from sequencer import bus
from sequencer.bus_server import BusServer, Request
from sequencer.mempool import Mempool, PoolLimits, PoolRefusal
from sequencer.rpc import Limits, RpcConfig, run_rpc
from tandem.chain.block import BlockBuilder, make_template
from tandem.chain.fees import next_base_fee
from tandem.chain.genesis import genesis_header
from tandem.chain.spec import ChainParameters, Deployment, Genesis, GenesisAccount, L1Contracts
from tandem.errors import InvalidTransaction
from tandem.inbox.queues import L1Context, Message, QueuedMessage
from tandem.primitives.types import ZERO_ADDRESS, Address, Gas, Hash, Seconds, Wei
from tandem.state.account import EMPTY_ACCOUNT
from tandem.store import ChainStore
from tandem.transactions.codec import decode_stored
from tandem.transactions.transaction import SignedTransaction

GENESIS_TIME = Seconds(1_700_000_000)
FUNDS = Wei(10**24)
ACCOUNTS: list[LocalAccount] = [EthAccount.from_key(bytes([index]) * 32) for index in range(1, 9)]
L1_BASE_FEE = Wei(10**9)
LIMITS = Limits(
    body_bytes=1 << 20, batch_size=200, log_results=50, log_blocks=1_000, filters=4, subscriptions=4, request_seconds=10
)


class SmallEngine:
    """Serves the bus from its own thread. `run` executes a function there."""

    def __init__(self, folder: Path, parameters: ChainParameters) -> None:
        self.parameters = parameters
        self.folder = folder
        accounts = {Address(bytes.fromhex(item.address[2:])): GenesisAccount(FUNDS) for item in ACCOUNTS}
        genesis = Genesis(GENESIS_TIME, accounts)
        contracts = L1Contracts(31337, *[ZERO_ADDRESS] * 9, 1, Seconds(600), Seconds(3600))
        Deployment(parameters, genesis, contracts).save(folder / "deployment.json")
        self.store = ChainStore(folder / "chain")
        with self.store.write() as session:
            header = genesis_header(parameters, genesis, session.state_tables)
            session.put_genesis(header, len(accounts) * FUNDS)
        self.pool = Mempool(PoolLimits(fee_floor=parameters.min_base_fee))
        self.automine = True
        self.messages = 0
        self.server = BusServer(folder / "bus")
        self.server.start()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    # -- the engine's thread

    def _serve(self) -> None:
        while (item := self.server.requests.get()) is not None:
            if callable(item):
                item()
            else:
                self._handle(item)

    def _handle(self, request: Request) -> None:
        match request.kind:
            case bus.TRANSACTIONS:
                request.answer(self._take(request.body))
                while self.automine and self.pool.executable_count and self.mine(1):
                    pass
            case bus.PENDING_NONCE:
                with self.store.read() as session:
                    nonce = (session.state_at(session.head_number()).account(request.body) or EMPTY_ACCOUNT).nonce
                request.answer(self.pool.pending_nonce(request.body, nonce))
            case bus.POOL:
                request.answer(self.pool.content(request.body))
            case bus.STATUS:
                request.answer({"pool": len(self.pool)})
            case bus.DEVELOPMENT:
                method, params = request.body
                if method == "evm_mine":
                    self.mine(0, empty=True)
                    request.answer("0x0")
                elif method == "evm_fail":
                    request.refuse("development", f"no such snapshot {params[0]}")
                else:
                    request.refuse("method_not_found", method)

    def _take(self, items: list[Any]) -> list[Any]:
        answers: list[Any] = []
        taken = []
        with self.store.read() as session:
            head = session.head()
            state = session.state_at(head.number)
            for raw, sender in items:
                tx = decode_stored(raw, Address(sender))
                assert isinstance(tx, SignedTransaction)
                account = state.account(tx.sender) or EMPTY_ACCOUNT
                try:
                    self.pool.add(tx, account.nonce, account.balance, next_base_fee(head, self.parameters))
                except PoolRefusal as refusal:
                    answers.append([refusal.code, str(refusal)])
                else:
                    answers.append(None)
                    taken.append(tx.hash)
        if taken:
            self.server.broadcast(bus.PENDING, taken)
        return answers

    def mine(self, most: int, empty: bool = False, messages: tuple[Message, ...] = ()) -> bool:
        """A block of at most `most` transactions. False where there was nothing to put in it."""
        queued = tuple(
            QueuedMessage(self.messages + index, message, Hash(bytes([self.messages + index + 1]) * 32))
            for index, message in enumerate(messages)
        )
        with self.store.write() as session:
            head = session.head()
            template = make_template(head.timestamp, head.origin, head.timestamp + 1, queued)
            state = session.state_at(head.number)
            builder = BlockBuilder(self.parameters, state, head, template, session.block_hash)  # type: ignore[arg-type]
            selection = self.pool.best(next_base_fee(head, self.parameters))
            while builder.transaction_count < most + len(queued) and (tx := selection.pop()) is not None:
                try:
                    builder.add(tx)
                except InvalidTransaction:
                    self.pool.remove(tx)
            if not builder.transaction_count and not empty:
                return False
            block = builder.seal()
            session.put_block(block)
            senders = {item.sender for item in block.transactions}
            after = session.state_at(head.number + 1)
            nonces = [(sender, (after.account(sender) or EMPTY_ACCOUNT).nonce) for sender in senders]
        self.messages += len(queued)
        self.pool.on_block(nonces)
        self.server.broadcast(bus.HEAD, block.header.number)
        return True

    # -- from the test's thread

    def run(self, function: Callable[[], Any]) -> Any:
        """The function's result, from the engine's thread."""
        done: list[Any] = []
        finished = threading.Event()

        def call() -> None:
            try:
                done.append(function())
            finally:
                finished.set()

        self.server.requests.put(call)  # type: ignore[arg-type]
        assert finished.wait(20) and done, "the engine failed"
        return done[0]

    def deposit(
        self, sender: bytes, to: bytes | None, mint: int, value: int, data: bytes = b"", gas: int = 200_000
    ) -> None:
        """A block with one message from L1."""
        context = L1Context(7, Hash(b"\x77" * 32), Seconds(GENESIS_TIME + 1), L1_BASE_FEE)
        target = None if to is None else Address(to)
        message = Message(Address(sender), target, Wei(mint), Wei(value), Gas(gas), data, context)
        self.run(lambda: self.mine(0, messages=(message,)))

    def roll_back(self, blocks: int) -> int:
        """A re-org: drop blocks, make one other empty block. Returns the number of the last block kept."""

        def act() -> int:
            with self.store.write() as session:
                kept = session.head_number() - blocks
                session.roll_back(kept)
                state = session.state_at(kept)
                self.pool.on_reorg(
                    lambda who: (
                        (state.account(who) or EMPTY_ACCOUNT).nonce,
                        (state.account(who) or EMPTY_ACCOUNT).balance,
                    ),
                    [],
                    0,
                )
            self.mine(0, empty=True)
            self.server.broadcast(bus.REORG, [kept, kept + 1])
            return kept

        kept: int = self.run(act)
        return kept

    def close(self) -> None:
        """End the thread and release everything."""
        self.server.requests.put(None)  # type: ignore[arg-type]
        self._thread.join(10)
        self.server.close()
        self.store.close()


@dataclass
class Node:
    """An engine with its rpc process."""

    engine: SmallEngine
    url: str
    process: Any

    @property
    def ws_url(self) -> str:
        return self.url.replace("http", "ws")

    @property
    def web3(self) -> Web3:
        return Web3(Web3.HTTPProvider(self.url))

    def post(self, body: Any, **options: Any) -> Any:
        """The parsed answer to a JSON body, or to raw bytes."""
        if isinstance(body, bytes | str):
            return requests.post(self.url, data=body, timeout=20, **options).json()
        return requests.post(self.url, json=body, timeout=20, **options).json()

    def answer(self, method: str, *params: Any) -> Any:
        """The whole answer to one call."""
        return self.post({"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)})

    def call(self, method: str, *params: Any) -> Any:
        """The result of one call."""
        answer = self.answer(method, *params)
        assert "result" in answer, answer
        return answer["result"]

    def fail(self, method: str, *params: Any) -> dict[str, Any]:
        """The error of one call."""
        answer = self.answer(method, *params)
        assert "error" in answer, answer
        error: dict[str, Any] = answer["error"]
        return error

    def send(self, sender: LocalAccount, **fields: Any) -> str:
        """Sign and send; the hash, once it is in a block."""
        w3 = self.web3
        transaction = {
            "chainId": self.engine.parameters.chain_id,
            "nonce": w3.eth.get_transaction_count(sender.address, "pending"),
            "gas": 1_000_000,
            "maxFeePerGas": 10**9,
            "maxPriorityFeePerGas": 10**6,
            "value": 0,
            **fields,
        }
        digest = w3.eth.send_raw_transaction(sender.sign_transaction(transaction).raw_transaction)
        w3.eth.wait_for_transaction_receipt(digest, timeout=10, poll_latency=0.01)
        return digest.to_0x_hex()


def free_port() -> int:
    return free_ports(1)[0]


def start(folder: Path, parameters: ChainParameters | None = None, limits: Limits = LIMITS) -> Node:
    """A node in `folder`."""
    engine = SmallEngine(folder, parameters or ChainParameters(chain_id=42069))
    port = free_port()
    config = RpcConfig(folder / "chain", folder / "deployment.json", folder / "bus", port=port, limits=limits)
    process = multiprocessing.get_context("spawn").Process(target=run_rpc, args=(config,), daemon=True)
    process.start()
    url = f"http://127.0.0.1:{port}"
    for _ in range(600):
        try:
            if requests.get(url + "/health", timeout=5).status_code == 200:
                return Node(engine, url, process)
        except requests.ConnectionError:
            pass
        assert process.is_alive(), "the rpc process ended"
        time.sleep(0.05)
    raise AssertionError("the rpc process does not answer")


def stop(node: Node) -> None:
    node.process.terminate()
    node.process.join(10)
    assert node.process.exitcode == 0, "SIGTERM is a clean end"
    node.engine.close()
