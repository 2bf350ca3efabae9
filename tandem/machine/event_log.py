"""Logs as the world counts them (protocol.md, section 2). Twin of contracts/machine/lib/EventLog.sol."""

from dataclasses import replace

from tandem.machine.machine import Machine
from tandem.primitives.hashing import address_word, keccak, word
from tandem.primitives.types import Address, Hash

MAX_TOPICS = 4


def add_log(m: Machine, emitter: Address, topics: list[int], data_hash: Hash) -> None:
    """One more log. Opens the world, and replaces it."""
    world = m.read_world()
    padded = topics + [0] * (MAX_TOPICS - len(topics))
    body = address_word(emitter) + word(len(topics)) + b"".join([word(topic) for topic in padded]) + data_hash
    m.world = replace(world, log_acc=keccak(world.log_acc + keccak(body)), log_count=world.log_count + 1)
