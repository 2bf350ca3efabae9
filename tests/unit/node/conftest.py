"""The chain of the traces' own tests, derived into a store."""

from collections.abc import Iterator

import pytest

from tandem.chain.spec import Deployment, Genesis, GenesisAccount
from tandem.primitives.types import Seconds, Wei
from tandem.store import ReadSession
from tests.support.chain import ADDRESSES, ETHER, START, Inbox, Node, make_deployment
from tests.unit.machine.test_trace import COUNTER, COUNTER_CODE, make_inbox


@pytest.fixture(scope="module")
def inbox() -> Inbox:
    return make_inbox()


@pytest.fixture(scope="module")
def deployment() -> Deployment:
    funded = {address: GenesisAccount(Wei(ETHER)) for address in ADDRESSES}
    genesis = Genesis(Seconds(START), {**funded, COUNTER: GenesisAccount(code=COUNTER_CODE, nonce=1)})
    made = make_deployment()
    return Deployment(made.parameters, genesis, made.l1)


@pytest.fixture(scope="module")
def node(inbox: Inbox, deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    made = Node(tmp_path_factory.mktemp("store"), deployment)
    made.apply(inbox.events)
    yield made
    made.store.close()


@pytest.fixture(scope="module")
def session(node: Node) -> Iterator[ReadSession]:
    with node.store.read() as reading:
        yield reading
