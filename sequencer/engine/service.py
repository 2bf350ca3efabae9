"""Puts the engine process together from its settings, runs it, and takes it down again."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

import structlog

from sequencer.bus_server import BusServer
from sequencer.config import AsserterSettings, Settings
from sequencer.engine.asserter import Asserter
from sequencer.engine.batcher import Batcher, pack_block
from sequencer.engine.builder import Builder
from sequencer.engine.cheater import Cheater, pack_with_replay
from sequencer.engine.clock import ChainClock
from sequencer.engine.development import DevelopmentMethods
from sequencer.engine.engine import Engine
from sequencer.engine.journal import Journal
from sequencer.mempool import Mempool, PoolLimits
from tandem.chain.spec import Deployment
from tandem.disputes.lies import Cheat
from tandem.errors import ConfigError
from tandem.l1.contracts import L1, checksum, connect
from tandem.l1.inbox_reader import InboxReader
from tandem.l1.sender import L1Sender
from tandem.l1.signer import load_signer
from tandem.node.commitments import Commitments
from tandem.node.follower import Follower, open_genesis
from tandem.node.inbox_sync import InboxSync
from tandem.node.role import Role
from tandem.primitives.types import Address
from tandem.store import ChainStore

SEQUENCER_ACCOUNT, ASSERTER_ACCOUNT = 1, 2
"""Accounts of the development mnemonic that the roles use when no key is set."""
BUILD_SHARE = 0.8
"""Part of the block time that execution may take; the rest is for the commit and for requests."""
LONGEST_BUILD = 2.0
"""Seconds of execution at most, where the block time gives no bound."""
JOIN_TIMEOUT = 10.0


def run_engine(settings: Settings, stopping: Event) -> None:
    """Run until `stopping` is set. ConfigError before anything was started where the settings cannot work."""
    deployment = Deployment.load(settings.deployment)
    check_cheat(settings.asserter, deployment)
    refuse = _addresses(settings.builder.refuse)
    log = structlog.get_logger("engine")
    with ChainStore(settings.store_path) as store:
        with store.write() as session:
            open_genesis(session, deployment)
            log.info("chain opened", head=session.head_number(), safe=session.safe_number())
        l1 = L1(connect(settings.l1), deployment.l1)
        l1.check_chain(stopping)
        sync = InboxSync(store, InboxReader(l1, settings.l1_confirmations), stopping)
        with BusServer(settings.bus_path) as server, _roles(settings, deployment, store, l1, stopping) as roles:
            engine = _engine(settings, deployment, store, server, sync, refuse)
            sync.start()
            for role in roles:
                role.start()
            engine.run(stopping)
            sync.join(JOIN_TIMEOUT)
        log.info("engine stopped")
    if sync.failed or any(role.failed for role in roles):
        raise RuntimeError("a role ended with a bug; the log has it")


def check_cheat(settings: AsserterSettings, deployment: Deployment) -> None:
    """ConfigError where a lie is asked for that must not be told, or that nobody would tell."""
    if settings.cheat is None:
        return
    if not deployment.is_development:
        raise ConfigError("cheating is for development chains alone: a bond would be lost for nothing")
    if not settings.enabled:
        raise ConfigError("it is the asserter that cheats, and there is to be none")


@contextmanager
def _roles(
    settings: Settings, deployment: Deployment, store: ChainStore, l1: L1, stopping: Event
) -> Iterator[list[Role]]:
    """The roles that write to L1, joined at the end."""
    roles: list[Role] = []
    if settings.batcher.enabled:
        account = load_signer("SEQUENCER", deployment, SEQUENCER_ACCOUNT)
        sender = L1Sender(l1.web3, account, stopping)
        packer = pack_with_replay if settings.asserter.cheat == Cheat.INVALID_TRANSACTION else pack_block
        roles.append(Batcher(store, l1, sender, settings.batcher.max_age_ms / 1000, stopping, packer))
    if settings.asserter.enabled:
        account = load_signer("ASSERTER", deployment, ASSERTER_ACCOUNT)
        sender = L1Sender(l1.web3, account, stopping)
        roles.append(_asserter(settings.asserter, deployment, store, l1, sender, stopping))
    try:
        yield roles
    finally:
        stopping.set()
        for role in roles:
            if role.ident is not None:
                role.join(JOIN_TIMEOUT)


def _asserter(
    settings: AsserterSettings, deployment: Deployment, store: ChainStore, l1: L1, sender: L1Sender, stopping: Event
) -> Asserter:
    interval, spacing = settings.interval_ms / 1000, settings.spacing_ms / 1000
    parameters = deployment.parameters
    commitments = Commitments(store, parameters)
    if settings.cheat is None:
        return Asserter(store, commitments, l1, sender, interval, spacing, stopping)
    return Cheater(settings.cheat, parameters, store, commitments, l1, sender, interval, spacing, stopping)


def _engine(
    settings: Settings,
    deployment: Deployment,
    store: ChainStore,
    server: BusServer,
    sync: InboxSync,
    refuse: frozenset[Address],
) -> Engine:
    parameters = deployment.parameters
    pool = Mempool(PoolLimits(fee_floor=parameters.min_base_fee))
    pool.refuse.update(refuse)
    clock = ChainClock()
    block_time = settings.builder.block_time_ms / 1000
    longest = block_time * BUILD_SHARE if block_time else LONGEST_BUILD
    builder = Builder(deployment, store, pool, refuse, longest) if settings.builder.enabled else None
    development = DevelopmentMethods(clock) if deployment.is_development else None
    follower = Follower(deployment, keep_unsafe=True)
    journal = Journal(settings.data / "mempool.journal")
    return Engine(deployment, store, server, pool, journal, clock, builder, sync, follower, development, block_time)


def _addresses(values: tuple[str, ...]) -> frozenset[Address]:
    try:
        return frozenset(Address(bytes.fromhex(checksum(bytes.fromhex(value[2:]))[2:])) for value in values)
    except ValueError as error:
        raise ConfigError(f"builder.refuse holds something that is no address: {error}") from error
