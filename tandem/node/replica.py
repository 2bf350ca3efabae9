"""A store brought up to L1 once, from L1 alone: what a challenger does all the time, for those who look only once."""

from tandem.chain.spec import Deployment
from tandem.l1.contracts import L1
from tandem.l1.inbox_reader import InboxReader
from tandem.node.follower import Follower, open_genesis
from tandem.store import ChainStore


def catch_up(store: ChainStore, deployment: Deployment, l1: L1) -> int:
    """Derive all that L1's inbox has. Gives the number of blocks executed. L1Moved where L1 re-organised meanwhile."""
    follower, reader = Follower(deployment, keep_unsafe=False), InboxReader(l1)
    with store.write() as session:
        open_genesis(session, deployment)
    executed = 0
    while True:
        with store.read() as session:
            update = reader.poll(session)
        if update is None:
            return executed
        with store.write() as session:
            executed += follower.apply(session, update).executed
