"""A block to try things in: funded keys, contracts put in place, and the executor that the sequencer runs."""

from dataclasses import replace

from tandem.evm.context import BlockContext
from tandem.evm.executor import BlockExecutor
from tandem.evm.reader import MemoryState
from tandem.evm.rules import CANCUN, Rules
from tandem.primitives.hashing import keccak
from tandem.primitives.secp256k1 import address_of
from tandem.primitives.types import Address, Gas, Hash, Seconds, Wei
from tandem.state.account import Account
from tandem.state.code import code_root
from tandem.transactions.codec import UnsignedTransaction, deposit_transaction
from tandem.transactions.transaction import AccessList, DepositTransaction, SignedTransaction

CHAIN_ID = 9_001
ALICE_KEY = b"\x01" * 32
ALICE, BOB = address_of(ALICE_KEY), Address(b"\xb0" * 20)
CONTRACT = Address(b"\xc0" * 20)
VAULT = Address(b"\xfe" * 20)
ETHER = 10**18
RULES = Rules(CANCUN, CHAIN_ID)
CONTEXT = BlockContext(
    number=7,
    timestamp=Seconds(1_000),
    coinbase=VAULT,
    prev_randao=Hash(b"\x77" * 32),
    base_fee=Wei(10),
    gas_limit=Gas(30_000_000),
)


class OneBlock:
    """A state and a block on it. Change the state before the first transaction."""

    def __init__(self, rules: Rules = RULES, context: BlockContext = CONTEXT) -> None:
        self.state = MemoryState({ALICE: Account(balance=Wei(1_000 * ETHER))})
        self.executor = BlockExecutor(self.state, context, rules)
        self.rules = rules

    def deploy(self, code: bytes, address: Address = CONTRACT, balance: int = 0) -> Address:
        """Put a contract into the state."""
        digest = keccak(code)
        self.state.codes[digest] = code
        self.state.accounts[address] = Account(1, Wei(balance), digest, code_root(code), len(code))
        return address

    def change(self, address: Address, **fields: object) -> None:
        """Change fields of an account in the state."""
        self.state.accounts[address] = replace(self.state.accounts[address], **fields)  # type: ignore[arg-type]


def transaction(
    to: Address | None = BOB,
    *,
    nonce: int = 0,
    value: int = 0,
    data: bytes = b"",
    gas: int = 100_000,
    max_fee: int = 100,
    tip: int = 1,
    chain_id: int | None = CHAIN_ID,
    kind: int = 2,
    access_list: AccessList = (),
) -> SignedTransaction:
    """A transaction signed by Alice."""
    return UnsignedTransaction(
        type=kind,
        chain_id=chain_id,
        nonce=nonce,
        max_priority_fee=Wei(tip if kind == 2 else max_fee),
        max_fee=Wei(max_fee),
        gas_limit=Gas(gas),
        to=to,
        value=Wei(value),
        data=data,
        access_list=access_list,
    ).sign(ALICE_KEY)


def deposit(
    to: Address | None = BOB, *, mint: int = 0, value: int = 0, gas: int = 100_000, data: bytes = b""
) -> DepositTransaction:
    """A message from L1 by Alice."""
    return deposit_transaction(Hash(b"\xd0" * 32), ALICE, to, Wei(mint), Wei(value), Gas(gas), data)


def push(value: int | bytes) -> bytes:
    """The shortest PUSH of a value."""
    body = value if isinstance(value, bytes) else value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big")
    return bytes([0x5F + len(body)]) + body


def call_code(to: bytes, *, value: int = 0, size: int = 0, gas: int = 50_000, room: int = 0) -> bytes:
    """CALL with the first `size` bytes of memory; leaves success on the stack and output at the start of memory."""
    return b"".join([push(word) for word in (room, 0, size, 0, value, to, gas)]) + b"\xf1"


RETURN_WORD = bytes.fromhex("60005260206000f3")
"""Return the top of the stack."""
