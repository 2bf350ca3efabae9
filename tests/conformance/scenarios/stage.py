"""A chain to play a scenario on: contracts in its genesis, messages and batches in a real inbox."""

from collections.abc import Iterator, Sequence

from tandem.batch.packed import pack
from tandem.batch.payload import PackedBlock, encode_batch
from tandem.chain.genesis import genesis_header
from tandem.chain.header import Header
from tandem.chain.predeploys import PREDEPLOYS, genesis_accounts
from tandem.chain.spec import ChainParameters, Genesis, GenesisAccount
from tandem.derivation.stages import execute, plan
from tandem.machine.chain import Ancestry, Chain, Overlay
from tandem.machine.machine import Machine
from tandem.machine.trace import first_boundary
from tandem.primitives.types import ZERO_ADDRESS, Address, Gas, Seconds, Wei
from tandem.state.database import StateDatabase
from tandem.state.tables import StateTables
from tandem.transactions.codec import UnsignedTransaction
from tandem.transactions.transaction import DYNAMIC_FEE, AccessList, SignedTransaction
from tests.support.chain import ADDRESSES, ETHER, KEYS, START
from tests.support.verifier import Verifier

FIRST_CONTRACT = 0x10000
"""Addresses from here on: short to push, and no precompile's."""
MOST_GAS = Gas(2**24)
"""Of a transaction (EIP-7825)."""
FEE = Wei(10**9)


class Stage:
    """What a scenario does, it does here. Transactions wait for `block`, blocks for `batch`."""

    def __init__(self, parameters: ChainParameters) -> None:
        self.parameters = parameters
        self.verifier = Verifier(parameters)
        self.inbox = self.verifier.inbox
        self.accounts: dict[Address, GenesisAccount] = {
            **genesis_accounts(dict.fromkeys(PREDEPLOYS, b"\0"), ZERO_ADDRESS, ZERO_ADDRESS),
            **{address: GenesisAccount(Wei(1_000 * ETHER)) for address in ADDRESSES},
        }
        self._nonces = [0] * len(KEYS)
        self._contracts = 0
        self._sent = 0
        self._transactions: list[bytes] = []
        self._blocks: list[PackedBlock] = []

    # -- genesis

    def contract(
        self, code: bytes, *, balance: int = 0, nonce: int = 1, storage: dict[int, int] | None = None
    ) -> Address:
        """A contract of the genesis state."""
        address = Address((FIRST_CONTRACT + self._contracts).to_bytes(20, "big"))
        self._contracts += 1
        self.accounts[address] = GenesisAccount(Wei(balance), nonce, code, tuple((storage or {}).items()))
        return address

    # -- what is sent

    def unsigned(
        self,
        to: Address | None,
        *,
        key: int = 0,
        value: int = 0,
        data: bytes = b"",
        gas: int = MOST_GAS,
        access_list: AccessList = (),
    ) -> UnsignedTransaction:
        """A transaction with the key's next nonce, which stays the next one."""
        nonce, chain_id = self._nonces[key], self.parameters.chain_id
        return UnsignedTransaction(
            DYNAMIC_FEE, chain_id, nonce, Wei(0), FEE, Gas(gas), to, Wei(value), data, access_list
        )

    def send(
        self,
        to: Address | None,
        *,
        key: int = 0,
        value: int = 0,
        data: bytes = b"",
        gas: int = MOST_GAS,
        access_list: AccessList = (),
    ) -> None:
        """A valid transaction for the next block."""
        transaction = self.unsigned(to, key=key, value=value, data=data, gas=gas, access_list=access_list)
        self.put(pack(transaction.sign(KEYS[key])))
        self.count(1, key=key)

    def count(self, transactions: int, *, key: int = 0) -> None:
        """So many of those that were put are valid, and the key's."""
        self._nonces[key] += transactions
        self._sent += transactions

    def put(self, packed: bytes) -> None:
        """Any bytes in the place of a transaction."""
        self._transactions.append(packed)

    def block(self, messages: int = 2**32, *, time_delta: int = 2) -> None:
        """A block of what was sent; it takes as many of the waiting messages."""
        self._blocks.append(PackedBlock(time_delta, messages, tuple(self._transactions)))
        self._transactions = []

    def batch(self, consumed: int | None = None) -> None:
        """A batch of the blocks. What was sent since the last of them stands in one more."""
        if self._transactions:
            self.block()
        self.inbox.submit(encode_batch(self._blocks), consumed)
        self._blocks = []

    def close(self) -> None:
        """Nothing is left behind."""
        if self._transactions or self._blocks:
            self.batch()

    # -- what comes of it

    def genesis(self, tables: StateTables) -> Header:
        """The genesis state written to `tables`, and its block."""
        return genesis_header(self.parameters, Genesis(Seconds(START), self.accounts), tables)

    def derive(self) -> Sequence[Header]:
        """The chain as nodes derive it, from its genesis block on."""
        tables = StateTables()
        headers = [self.genesis(tables)]
        taken = 0
        for batch in self.inbox.batches:
            messages = self.inbox.messages[headers[-1].messages_consumed : batch.entry.messages_consumed]
            for block_plan in plan(self.parameters, headers[-1], batch, messages):
                parent = headers[-1]
                hashes = [header.hash for header in headers]
                block = execute(self.parameters, StateDatabase(tables), parent, block_plan, hashes.__getitem__)
                headers.append(block.header)
                taken += sum(isinstance(item, SignedTransaction) for item in block.transactions)
        assert taken == self._sent, f"{taken} transactions are in blocks, {self._sent} were sent"
        return headers

    def machines(self) -> Iterator[Machine]:
        """The machine before the first batch, any number of times."""
        tables = StateTables()
        genesis = self.genesis(tables)
        while True:
            ancestry = Ancestry({0: genesis.hash}.__getitem__)
            chain = Chain(Overlay(tables.preimages), self.parameters, self.inbox, ancestry)
            yield first_boundary(genesis, 0, len(self.inbox.batches)).machine(chain)
