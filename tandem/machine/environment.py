"""Instructions on other accounts, the transaction and the block. Twin of contracts/machine/Environment.sol."""

from collections.abc import Callable

from tandem.chain.recent import RECENT_BLOCKS, RECENT_DEPTH, recent_words
from tandem.evm.calls import COLD_ACCOUNT, WARM_ACCOUNT
from tandem.machine.calls import COLD, address_of
from tandem.machine.execution import charge
from tandem.machine.machine import Machine
from tandem.machine.memory_ops import NO_BYTES, pay_copy, start_copy
from tandem.machine.state_trees import PRECOMPILES, code_of, preimage, read_account, touch_address
from tandem.machine.stepping import Instruction
from tandem.machine.structures import CODE_LAYOUT, BlockState, Frame, Tx
from tandem.machine.word_tree import WordTree
from tandem.primitives.types import ZERO_HASH, Address, Hash

WARM, PRECOMPILE, NO_ACCOUNT = "warm", "precompile", "no account"
FOUND, OUT_OF_REACH = "found", "out of reach"
NO_BLOBS, BEHIND_LAST = "no blobs", "behind the last"
HASH_BYTES = 32


def _number(data: bytes) -> int:
    return int.from_bytes(data, "big")


def _of_tx(field: Callable[[Tx], int]) -> Instruction:
    """Puts one word that the transaction holds."""

    def run(m: Machine, frame: Frame, args: list[int]) -> str | None:
        frame.push(field(m.read_tx()))
        return None

    return run


def _of_block(field: Callable[[BlockState], int]) -> Instruction:
    """Puts one word that the block holds."""

    def run(m: Machine, frame: Frame, args: list[int]) -> str | None:
        frame.push(field(m.read_block()))
        return None

    return run


def _access(m: Machine, frame: Frame, address: Address) -> tuple[Hash, str]:
    """Open the world, warm an address and pay for it (EIP-2929). Gives the state root, and how the address was."""
    root = m.read_world().state_root
    if touch_address(m, address):
        charge(frame, COLD_ACCOUNT)
        return root, COLD
    charge(frame, WARM_ACCOUNT)
    return root, PRECOMPILE if _number(address) in PRECOMPILES else WARM


def balance(m: Machine, frame: Frame, args: list[int]) -> str | None:
    """BALANCE."""
    address = address_of(args[0])
    root, outcome = _access(m, frame, address)
    frame.push(read_account(m, root, address).balance)
    return outcome


def self_balance(m: Machine, frame: Frame, args: list[int]) -> str | None:
    """SELFBALANCE."""
    frame.push(read_account(m, m.read_world().state_root, frame.target).balance)
    return None


def code_size(m: Machine, frame: Frame, args: list[int]) -> str | None:
    """EXTCODESIZE."""
    address = address_of(args[0])
    root, outcome = _access(m, frame, address)
    frame.push(read_account(m, root, address).code_size)
    return outcome


def code_hash(m: Machine, frame: Frame, args: list[int]) -> str | None:
    """EXTCODEHASH: zero for an account that there is not (EIP-1052, EIP-161)."""
    address = address_of(args[0])
    root, outcome = _access(m, frame, address)
    account = read_account(m, root, address)
    if account.is_empty:
        frame.push(0)
        return NO_ACCOUNT
    frame.push(_number(account.code_hash))
    return outcome


def code_copy(m: Machine, frame: Frame, args: list[int]) -> str | None:
    """EXTCODECOPY. The account is opened only where something is copied."""
    who, to, start, size = args
    address = address_of(who)
    pay_copy(frame, to, size)
    root, outcome = _access(m, frame, address)
    if not size:
        return NO_BYTES
    code = code_of(m, read_account(m, root, address))
    start_copy(m, CODE_LAYOUT, code.tree, start, code.size - start, to, size)
    return outcome


def block_hash(m: Machine, frame: Frame, args: list[int]) -> str | None:
    """BLOCKHASH: of the 256 blocks before this one."""
    number, block = args[0], m.read_block()
    if not 0 < block.number - number <= RECENT_BLOCKS:
        frame.push(0)
        return OUT_OF_REACH
    ancestry = m.chain.ancestry
    if m.tape.recording:
        tree = WordTree(b"".join(recent_words(block.number, ancestry.block_hash)), RECENT_DEPTH)
        m.tape.range(tree, number % RECENT_BLOCKS, 1)
    frame.push(_number(ancestry.block_hash(number)))
    return FOUND


def blob_hash(m: Machine, frame: Frame, args: list[int]) -> str | None:
    """BLOBHASH (EIP-4844). Whoever began the transaction left the preimage of its blobHashes with the others."""
    index, tx = args[0], m.read_tx()
    if tx.blob_hashes == ZERO_HASH:
        frame.push(0)
        return NO_BLOBS
    hashes = preimage(m, tx.blob_hashes)
    count = len(hashes) // HASH_BYTES
    m.tape.number(count, 1)
    m.tape.raw(hashes)
    if index >= count:
        frame.push(0)
        return BEHIND_LAST
    frame.push(_number(hashes[HASH_BYTES * index :][:HASH_BYTES]))
    return FOUND


INSTRUCTIONS: dict[int, Instruction] = {
    0x31: balance,
    0x32: _of_tx(lambda tx: _number(tx.origin)),
    0x3A: _of_tx(lambda tx: tx.gas_price),
    0x3B: code_size,
    0x3C: code_copy,
    0x3F: code_hash,
    0x40: block_hash,
    0x41: _of_block(lambda block: _number(block.coinbase)),
    0x42: _of_block(lambda block: block.timestamp),
    0x43: _of_block(lambda block: block.number),
    0x44: _of_block(lambda block: _number(block.prev_randao)),
    0x45: _of_block(lambda block: block.gas_limit),
    0x46: _of_block(lambda block: block.chain_id),
    0x47: self_balance,
    0x48: _of_block(lambda block: block.base_fee),
    0x49: blob_hash,
    0x4A: _of_block(lambda block: block.blob_base_fee),
}
"""By opcode."""
