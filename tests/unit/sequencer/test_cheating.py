"""Who may cheat, and what the cheating batcher posts."""

from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

from sequencer.config import AsserterSettings, Settings, load_settings
from sequencer.engine.batcher import gather, pack_block, prepare
from sequencer.engine.builder import Builder
from sequencer.engine.cheater import pack_with_replay
from sequencer.engine.service import check_cheat, run_engine
from sequencer.mempool import Mempool, PoolLimits
from tandem.batch.payload import decode_batch
from tandem.disputes.lies import Cheat
from tandem.errors import ConfigError
from tests.support.chain import ADDRESSES, START, Inbox, Node, make_deployment, transfer


class TestSettings:
    def test_nobody_cheats_unless_told_to(self) -> None:
        assert load_settings(None, {}).asserter.cheat is None

    @pytest.mark.parametrize("cheat", Cheat)
    def test_every_kind_has_a_name(self, cheat: Cheat, tmp_path: Path) -> None:
        file = tmp_path / "settings.toml"
        file.write_text(f'[asserter]\ncheat = "{cheat.value}"\n')
        assert load_settings(file, {}).asserter.cheat is cheat
        assert load_settings(None, {"asserter.cheat": cheat.value}).asserter.cheat is cheat

    def test_an_unknown_kind_is_refused(self) -> None:
        with pytest.raises(ConfigError, match=r"asserter\.cheat"):
            load_settings(None, {"asserter.cheat": "everything"})


class TestWhereItIsRefused:
    def test_on_a_chain_that_is_no_development_chain(self, tmp_path: Path) -> None:
        deployment = make_deployment()
        real = replace(deployment, l1=replace(deployment.l1, chain_id=1))
        real.save(tmp_path / "deployment.json")
        settings = load_settings(
            None,
            {"deployment": tmp_path / "deployment.json", "data": tmp_path / "data", "asserter.cheat": "balance"},
        )
        with pytest.raises(ConfigError, match="development"):
            run_engine(settings, Event())
        assert not (tmp_path / "data").exists()

    def test_without_an_asserter(self) -> None:
        with pytest.raises(ConfigError, match="asserter"):
            check_cheat(AsserterSettings(enabled=False, cheat=Cheat.GAS), make_deployment())

    def test_not_on_a_development_chain(self) -> None:
        check_cheat(Settings(asserter=AsserterSettings(cheat=Cheat.GAS)).asserter, make_deployment())


class TestReplay:
    @pytest.fixture
    def node(self, tmp_path: Path) -> Node:
        """A sequencer's store: a block of deposits, one of three transfers, and a third one."""
        made = Node(tmp_path / "sequencer", make_deployment(), keep_unsafe=True)
        self.inbox = Inbox()
        for key in range(3):
            self.inbox.deposit(ADDRESSES[key])
        made.apply(self.inbox.events)
        self.pool = Mempool(PoolLimits())
        self.builder = Builder(made.deployment, made.store, self.pool, frozenset(), 10.0)
        assert self.builder.build(START + 1) is not None
        for nonce in (1, 2):  # each deposit took one
            for key in range(3):
                self.pool.add(transfer(key, nonce, ADDRESSES[7], gas=60_000), nonce, 10**18, 0)
            assert self.builder.build(START + 1 + nonce) is not None
        return made

    def _batch(self, node: Node, last: int, *, replays: bool) -> bytes:
        with node.store.read() as session:
            blocks, _ = gather(session, 1, last)
            return prepare(session, blocks, pack_with_replay if replays else pack_block).data

    def test_repeats_one_transaction_in_each_block_that_has_any(self, node: Node) -> None:
        plain, spoilt = (decode_batch(self._batch(node, 3, replays=replays)) for replays in (False, True))
        assert [len(block.transactions) for block in plain] == [0, 3, 3]
        assert [len(block.transactions) for block in spoilt] == [0, 4, 4]
        assert [block.transactions[:3] for block in spoilt] == [block.transactions for block in plain]
        assert all(block.transactions[3] == block.transactions[0] for block in spoilt[1:])

    def test_changes_no_block_of_the_batch(self, node: Node, tmp_path: Path) -> None:
        before = node.hashes()
        self.inbox.time = START + 100
        self.inbox.batch(self._batch(node, 2, replays=True), 3)
        applied = node.apply(self.inbox.events[3:])
        assert node.hashes() == before[:3]
        assert [len(block.transactions) for block in applied.dropped] == [3, 3], "the third is built again"
        replica = Node(tmp_path / "replica", node.deployment)
        replica.apply(self.inbox.events)
        assert replica.hashes() == before[:3]
