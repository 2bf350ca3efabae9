"""Accounts, slots and the access set on their trees, with proofs on the tape. Twin of lib/StateTrees.sol."""

from dataclasses import replace

from tandem.errors import StateMissing
from tandem.machine.code import Code, load
from tandem.machine.machine import Machine
from tandem.machine.modes import AccessTag
from tandem.primitives.hashing import EMPTY_CODE_HASH, keccak, word
from tandem.primitives.types import ZERO_HASH, Address, Hash
from tandem.state import tree
from tandem.state.account import EMPTY_ACCOUNT, Account
from tandem.state.database import address_key
from tandem.state.proof import prove, sibling_preimage

PRESENT = Hash(word(1))
PRECOMPILES = range(1, 11)
"""Cancun's, which are always warm."""


def read_account(m: Machine, root: Hash, address: Address) -> Account:
    """The account under `root`; the empty one where it is absent."""
    nodes, key = m.chain.nodes, address_key(address)
    record_hash = tree.get(nodes, root, key)
    record = b"" if record_hash is None else preimage(m, record_hash)
    if m.tape.recording:
        m.tape.proof(prove(nodes, root, key))
        m.tape.raw(record)
    return Account.decode(record) if record else EMPTY_ACCOUNT


def write_account(m: Machine, root: Hash, address: Address, account: Account) -> Hash:
    """The root after writing an account that was read under `root` before. An empty one is deleted (EIP-161)."""
    key = address_key(address)
    if account.is_empty:
        return _delete(m, root, key)
    record = account.encode()
    record_hash = keccak(record)
    m.chain.nodes.put(record_hash, record)
    return tree.update(m.chain.nodes, root, {key: record_hash})


def read_slot(m: Machine, root: Hash, key: Hash) -> Hash:
    """The value at `key` in any sparse tree; zero where absent."""
    if m.tape.recording:
        m.tape.proof(prove(m.chain.nodes, root, key))
    return Hash(tree.get(m.chain.nodes, root, key) or ZERO_HASH)


def write_slot(m: Machine, root: Hash, key: Hash, value: Hash) -> Hash:
    """The root after writing a value at a key that was read under `root` before; zero deletes."""
    if value == ZERO_HASH:
        return _delete(m, root, key)
    return tree.update(m.chain.nodes, root, {key: value})


def _delete(m: Machine, root: Hash, key: Hash) -> Hash:
    nodes = m.chain.nodes
    if m.tape.recording:
        proof = prove(nodes, root, key)
        node = sibling_preimage(nodes, proof)
        if proof.leaf_value != ZERO_HASH and proof.leaf_key == key and node is not None:
            m.tape.node(node)
    return tree.update(nodes, root, {key: None})


def access_key(tag: AccessTag, address: Address, slot: int = 0) -> Hash:
    """Key of an entry of the access set."""
    return keccak(bytes([tag]) + address + word(slot))


def transient_key(address: Address, slot: int) -> Hash:
    """Key of a transient slot."""
    return keccak(address + word(slot))


def warm(m: Machine, tag: AccessTag, address: Address, slot: int = 0) -> bool:
    """Put an entry into the access set. True where it was not there. Replaces the world."""
    assert m.world is not None
    root, key = m.world.access_root, access_key(tag, address, slot)
    if read_slot(m, root, key) != ZERO_HASH:
        return False
    m.world = replace(m.world, access_root=write_slot(m, root, key, PRESENT))
    return True


def touch_address(m: Machine, address: Address) -> bool:
    """Warm an address. True where it was cold. Precompiles never are, and nothing is read for them."""
    if int.from_bytes(address, "big") in PRECOMPILES:
        return False
    return warm(m, AccessTag.ADDRESS, address)


def code_of(m: Machine, account: Account) -> Code:
    """An account's code. Nothing goes on the tape: its root and size are in the record."""
    return load(b"" if account.code_hash == EMPTY_CODE_HASH else preimage(m, account.code_hash))


def preimage(m: Machine, digest: bytes) -> bytes:
    """What was hashed to `digest`. StateMissing where nobody kept it."""
    data = m.chain.nodes.get(digest)
    if data is None:
        raise StateMissing(f"no preimage of {digest.hex()} in this store")
    return data
