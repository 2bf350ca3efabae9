"""Numbers, names and interfaces that are written on both sides."""

from __future__ import annotations

import json
from enum import IntEnum
from typing import Any

import pytest

from tandem.batch import lz4
from tandem.batch.payload import MAX_BATCH_BYTES
from tandem.chain.predeploys import PREDEPLOYS
from tandem.chain.spec import FEE_VAULT, L1_INFO, MESSAGE_PASSER, TOKEN_FACTORY
from tandem.evm.calls import MAX_INIT_CODE
from tandem.evm.rules import TRANSACTION_GAS_CAP
from tandem.inbox.queues import (
    ALIAS_OFFSET,
    MAX_MESSAGES_PER_BATCH,
    SYSTEM_SENDER,
    BatchEntry,
    DataLocation,
    L1Context,
    Message,
    accumulate,
)
from tandem.l1.contracts import checksum
from tandem.primitives.hashing import keccak, word
from tandem.rollup.assertions import TRACE_DEPTH, Status
from tandem.rollup.withdrawals import MESSAGE_PASSED_TOPIC, SENT_SLOT
from tandem.state.code import CHUNK_BYTES, DEPTH
from tests.contracts.world import DELAY, WINDOW, context_of
from toolchain.export_abi import ARTIFACTS, FOLDER, NAMES, compiled_abi, compiled_artifact


def test_caps(world, hashes):
    inbox = world.inbox
    assert inbox.MAX_MESSAGES_PER_BATCH() == MAX_MESSAGES_PER_BATCH
    assert inbox.MAX_BATCH_DATA() == MAX_BATCH_BYTES
    assert inbox.MAX_GAS_LIMIT() == TRANSACTION_GAS_CAP
    assert hashes.maxSequences() == lz4.MAX_SEQUENCES
    assert inbox.MAX_INIT_CODE() == MAX_INIT_CODE <= CHUNK_BYTES << DEPTH, "the chunk tree holds the longest init code"
    assert world.rollup.MAX_BATCHES_PER_ASSERTION() << 14 == 1 << TRACE_DEPTH


def test_times_are_the_deployments(world):
    assert (world.inbox.forceInclusionDelay(), world.game.challengeWindow()) == (DELAY, WINDOW)


def python_context(log: Any) -> L1Context:
    number, block_hash, timestamp, base_fee = context_of(log)
    return L1Context(number, bytes(block_hash), timestamp, base_fee)


def members(enum: type[IntEnum]) -> list[int]:
    return [int(member) for member in enum]


def test_enums(hashes):
    assert list(hashes.statuses()) == members(Status)
    assert list(hashes.locations()) == members(DataLocation)


def test_addresses(hashes, libraries):
    addresses = [MESSAGE_PASSER, TOKEN_FACTORY, L1_INFO, FEE_VAULT]
    assert list(hashes.predeploys()) == [checksum(address) for address in addresses]
    assert dict(zip(["MessagePasser", "TokenFactory", "L1Info", "FeeVault"], addresses, strict=True)) == PREDEPLOYS
    assert hashes.systemSender() == checksum(SYSTEM_SENDER)
    assert int(libraries.aliased(checksum(bytes(20))), 16) == ALIAS_OFFSET


def test_withdrawals(hashes, project):
    slot, value = hashes.sent()
    assert (slot, bytes(value)) == (SENT_SLOT, word(1))
    assert keccak(project.MessagePasser.contract_type.events["MessagePassed"].selector.encode()) == MESSAGE_PASSED_TOPIC


def test_what_the_inbox_queues_is_what_python_recomputes(world, accounts):
    """One message and one batch end to end: the events give Python all that it needs to follow the accumulators."""
    inbox = world.inbox
    sent = inbox.depositTransaction("0x" + "0b" * 20, 7, 90_000, False, b"data", sender=accounts[2])
    batch = inbox.submitBatch(b"\x00\x00\xc0", inbox.messageCount(), sender=accounts[1])
    for receipt in (sent, batch):
        for log in receipt.decode_logs(inbox.MessageSent):
            to = None if log.isCreation else bytes.fromhex(log.to[2:])
            context = python_context(log)
            sender = bytes.fromhex(log.sender[2:])
            message = Message(sender, to, log.mint, log.value, log.gasLimit, bytes(log.data), context)
            assert message.is_system == (receipt is batch)
            assert accumulate(inbox.messageAcc(log.index), message.hash()) == bytes(log.acc)
            assert bytes(inbox.messageAcc(log.index + 1)) == bytes(log.acc)
    [log] = batch.decode_logs(inbox.BatchAppended)
    entry = BatchEntry(DataLocation(log.location), bytes(log.dataHash), log.messagesConsumed, python_context(log))
    assert entry.data_hash == keccak(b"\x00\x00\xc0")
    assert accumulate(inbox.batchAcc(log.index), entry.hash()) == bytes(log.acc)


@pytest.mark.parametrize("name", NAMES)
def test_committed_abis_are_the_compiled_ones(project, name):
    assert (FOLDER / f"{name}.json").read_text() == compiled_abi(name), "run `make abi`"


@pytest.mark.parametrize("artifact", ARTIFACTS, ids=lambda path: path.stem)
def test_committed_artifacts_are_the_compiled_ones(project, artifact):
    committed, compiled = json.loads(artifact.read_text()), json.loads(compiled_artifact(artifact.stem))
    assert committed["abi"] == compiled["abi"], "run `make abi`"
    assert without_metadata(committed["bytecode"]) == without_metadata(compiled["bytecode"]), "run `make abi`"


def without_metadata(code: str) -> str:
    """The code without its last bytes, a hash that hangs on what else was compiled (their length in the last two)."""
    return code[: -2 * (int(code[-4:], 16) + 2)]


def test_no_other_abi_is_committed():
    assert sorted(path.stem for path in FOLDER.glob("*.json")) == sorted(NAMES)
