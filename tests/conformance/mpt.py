"""Root of Ethereum's Merkle-Patricia trie over entries that are all there at once (yellow paper, appendix D).

The tests state their results as such roots; the chain itself has another tree. Keys are hashed already, which is what
Ethereum's "secure" trie does, so the flat state is enough.
"""

from collections.abc import Mapping

from tandem.primitives import rlp
from tandem.primitives.hashing import keccak
from tandem.primitives.types import Hash
from tandem.state.account import Account
from tandem.state.tables import MemoryTable

EMPTY_ROOT = keccak(rlp.encode(b""))

Node = list[rlp.Item]


def root(entries: Mapping[bytes, bytes]) -> Hash:
    """The root hash of the trie that holds `entries`."""
    if not entries:
        return EMPTY_ROOT
    items = sorted((key.hex(), value) for key, value in entries.items())
    return keccak(rlp.encode(_node(items, 0)))


def state_root(accounts: MemoryTable, slots: MemoryTable) -> Hash:
    """The state root over the flat tables of a state database."""
    storage: dict[bytes, dict[bytes, bytes]] = {}
    for key, value in slots.entries.items():
        storage.setdefault(key[:32], {})[key[32:]] = rlp.encode(value.lstrip(b"\0"))
    leaves = {}
    for key, record in accounts.entries.items():
        account = Account.decode(record)
        nonce, balance = rlp.encode_int(account.nonce), rlp.encode_int(account.balance)
        leaves[key] = rlp.encode([nonce, balance, root(storage.get(key, {})), account.code_hash])
    return root(leaves)


def _node(items: list[tuple[str, bytes]], depth: int) -> Node:
    """The node over `items`, sorted, that agree in their first `depth` nibbles."""
    first = items[0][0]
    if len(items) == 1:
        return [_path(first[depth:], True), items[0][1]]
    last = items[-1][0]
    shared = depth
    while first[shared] == last[shared]:
        shared += 1
    if shared > depth:
        return [_path(first[depth:shared], False), _reference(_branch(items, shared))]
    return _branch(items, depth)


def _branch(items: list[tuple[str, bytes]], depth: int) -> Node:
    children: dict[str, list[tuple[str, bytes]]] = {}
    for item in items:
        children.setdefault(item[0][depth], []).append(item)
    node: Node = [b""] * 17
    for nibble, below in children.items():
        node[int(nibble, 16)] = _reference(_node(below, depth + 1))
    return node


def _reference(node: Node) -> rlp.Item:
    """A node in its parent: itself where it is short, else its hash."""
    encoded = rlp.encode(node)
    return node if len(encoded) < 32 else keccak(encoded)


def _path(nibbles: str, is_leaf: bool) -> bytes:
    """Hex-prefix encoding."""
    flag = 2 if is_leaf else 0
    if len(nibbles) % 2:
        return bytes.fromhex(f"{flag + 1:x}{nibbles}")
    return bytes.fromhex(f"{flag:x}0{nibbles}")
