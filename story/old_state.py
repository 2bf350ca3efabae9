"""A cheater at work: it closes a channel with a state that its node had some time ago."""

from pathlib import Path
from typing import Any

from eth_account.signers.local import LocalAccount
from web3 import Web3

from channels.store import Store
from tandem.chain.spec import Deployment
from tandem.channels.endpoint import Endpoint, SignedLane
from tandem.channels.ledger import OnChain
from tandem.channels.settlement import Funds
from tandem.channels.signing import SigningDomain
from tandem.channels.states import encode_locks
from tandem.channels.timing import Timing
from tandem.l1.channel_reader import ChannelReader
from tandem.l1.contracts import abi, checksum
from tandem.primitives.types import Address, Hash


def copy_database(folder: Path, to: Path) -> Path:
    """What a node that does not run keeps in its folder, for later: the copy's path."""
    to.mkdir(parents=True)
    for file in folder.glob("node.sqlite*"):
        (to / file.name).write_bytes(file.read_bytes())
    return to / "node.sqlite"


def read_channel(web3: Web3, deployment: Deployment, channel: Hash) -> OnChain:
    """A channel as the chain has it now. KeyError."""
    manager = deployment.l1.channel_manager
    start = deployment.l1.start_block if web3.eth.chain_id == deployment.l1.chain_id else 1
    reader = ChannelReader(web3, manager, start, confirmations=0)
    is_all = False
    while not is_all:
        _, is_all = reader.poll()
    return reader.latest.channels[channel]


def kept_side(database: Path, web3: Web3, deployment: Deployment, channel: Hash, party: Address) -> Endpoint:
    """A side as a node's database has it. The node must not run."""
    key = read_channel(web3, deployment, channel).key
    domain = SigningDomain(web3.eth.chain_id, deployment.l1.channel_manager)
    blank = Endpoint(key, key.side(party), domain, Timing().terms(key.window), Funds((0, 0)))
    with Store(database) as store:
        return store.load(blank)


def close_call(web3: Web3, deployment: Deployment, side: Endpoint, *, own: bool = True, theirs: bool = True) -> Any:
    """The transaction that closes alone with what a side has; what it had rather not show is left out."""
    manager = web3.eth.contract(address=checksum(deployment.l1.channel_manager), abi=abi("ChannelManager"))
    shown = (side.mine if own else SignedLane()), (side.theirs if theirs else SignedLane())
    lanes = (shown[1], shown[0]) if side.side else shown
    key = side.key
    fields = checksum(key.party0), checksum(key.party1), checksum(key.token), key.window, key.salt
    proofs = [
        (each.lane.nonce, each.lane.transferred, encode_locks(each.lane.locks), *each.signatures) for each in lanes
    ]
    return manager.functions.close(fields, *proofs)


def address_of(account: LocalAccount) -> Address:
    """As bytes."""
    return Address(bytes.fromhex(account.address[2:]))
