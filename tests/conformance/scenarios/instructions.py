"""Instructions that end in several ways: jumps, copies, hashes, logs, accounts, storage, writes where none may be."""

from tandem.chain.spec import GenesisAccount
from tandem.machine.memory_ops import MAX_HASH_BYTES
from tandem.primitives.types import Address, Wei
from tests.conformance.scenarios.stage import Stage
from tests.support.assembler import ALL_GAS, assemble, call, create
from tests.support.chain import ADDRESSES

IDENTITY = Address((4).to_bytes(20, "big"))
NOBODY = Address(b"\x0b" * 20)
STRANGERS = [Address(bytes([0x70 + i]) * 20) for i in range(8)]
"""Accounts of the genesis state that nobody has touched."""
SPENDS_ALL = 20_000
"""What a call may lose that halts."""


def _number(address: Address) -> int:
    return int.from_bytes(address, "big")


def _settle(stage: Stage) -> None:
    for address in STRANGERS:
        stage.accounts[address] = GenesisAccount(Wei(1), code=b"\x5b" * 40)


def jumps(stage: Stage) -> None:
    """To a JUMPDEST, to what is none, behind the code, into the data of a PUSH."""
    stage.send(stage.contract(assemble(3, "JUMP JUMPDEST", 1, 9, "JUMPI JUMPDEST", 0, 0, "JUMPI")))
    code = b""
    for destination in (0, 99, 2**255):
        code += call(stage.contract(assemble(destination, "JUMP")), gas=SPENDS_ALL)
        code += call(stage.contract(assemble(1, destination, "JUMPI")), gas=SPENDS_ALL)
    code += call(stage.contract(assemble(4, "JUMP", 0x5B)), gas=SPENDS_ALL)
    stage.send(stage.contract(code))


def long_hashes(stage: Stage) -> None:
    """Data that a step cannot hash: by KECCAK256 and by each LOG; lengths around a block of the sponge."""
    most = MAX_HASH_BYTES
    code = assemble(ALL_GAS, most // 2, "MSTORE", most, 0, "KECCAK256 POP", most + 1, 3, "KECCAK256 POP")
    code += assemble(136 * 482, 0, "KECCAK256 POP", 136 * 482 + 135, 5, "KECCAK256 POP")
    for count in range(5):
        topics = [ALL_GAS + topic for topic in range(count)]
        code += assemble(*topics, 70, 3, f"LOG{count}", *topics, most + 1 + count, 0, f"LOG{count}")
    stage.send(stage.contract(code))


def copies(stage: Stage) -> None:
    """All that fill memory: from calldata, code, return data, memory; within what is there and behind it."""
    code = b""
    for name in ("CALLDATACOPY", "CODECOPY", "MCOPY"):
        for size, start, to in ((2_100, 7, 1_000), (0, 0, 0), (0, ALL_GAS, 5), (50, 2_900, 3), (40, 50_000, 1)):
            code += assemble(size, start, to, name)
        code += assemble(100, 90, 120, name, 100, 120, 90, name)
    code += assemble(40, ALL_GAS, 0, "CALLDATACOPY", 40, ALL_GAS, 0, "CODECOPY")
    code += call(IDENTITY, data=(0, 1_200), output=(40, 30))
    code += assemble(1_200, 0, 0, "RETURNDATACOPY", 0, 1_200, 0, "RETURNDATACOPY", 9, 1_191, 0, "RETURNDATACOPY")
    # Each copy that fails is in a contract of its own: it takes the frame with it.
    code += call(stage.contract(assemble(1, 0, 0, "RETURNDATACOPY")), gas=SPENDS_ALL)
    code += call(stage.contract(assemble(2, ALL_GAS * 2 - 1, 0, "RETURNDATACOPY")), gas=SPENDS_ALL)
    stage.send(stage.contract(code), data=b"\x01\x02\x03" * 900)


def accounts(stage: Stage) -> None:
    """Of others: cold and warm, a precompile's, none at all."""
    _settle(stage)
    stage.accounts[IDENTITY] = GenesisAccount(Wei(1))
    code = b""
    for name, stranger in zip(("BALANCE", "EXTCODESIZE", "EXTCODEHASH"), STRANGERS, strict=False):
        for address in (stranger, stranger, IDENTITY, NOBODY, ADDRESSES[0]):
            code += assemble(_number(address), f"{name} POP")
    for address in (STRANGERS[3], STRANGERS[3], IDENTITY, NOBODY):
        code += assemble(1_030, 20, 10, _number(address), "EXTCODECOPY")
    code += assemble(0, 20, 10, _number(NOBODY), "EXTCODECOPY")
    code += assemble(1, "NUMBER SUB BLOCKHASH NUMBER BLOCKHASH", ALL_GAS, "BLOCKHASH", 0, "BLOBHASH", 9, "BLOBHASH")
    stage.send(stage.contract(code))


def storage(stage: Stage) -> None:
    """Slots, for good and for a transaction: every price of EIP-2200 and EIP-2929, every refund of EIP-3529."""

    def write(slot: int, *values: int) -> bytes:
        return assemble(*[part for value in values for part in (value, slot, "SSTORE")])

    def read(slot: int) -> bytes:
        return assemble(slot, "SLOAD POP")

    code = read(0) + read(0)
    code += write(1, 5, 5) + write(2, 6, 7, 0, 8, 5) + write(3, 0, 5, 0) + write(10, 1, 2, 0)
    code += read(4) + write(4, 6) + read(5) + write(5, 0) + read(11) + write(11, 1) + write(12, 0)
    code += assemble(9, 1, "TSTORE", 1, "TLOAD POP", 0, 1, "TSTORE", 0, 2, "TSTORE")
    contract = stage.contract(code, storage=dict.fromkeys(range(1, 6), 5))
    stage.send(contract)
    reverts = stage.contract(write(1, 6) + assemble(0, 0, "REVERT"), storage={1: 5})
    stage.send(stage.contract(call(reverts) + call(reverts)))


def static_writes(stage: Stage) -> None:
    """Everything that a static call may not do."""
    writes = [assemble(*[0] * (count + 2), f"LOG{count}") for count in range(5)]
    writes += [assemble(0, 0, "SSTORE"), assemble(0, 0, "TSTORE"), assemble(0, "SELFDESTRUCT")]
    writes += [call(IDENTITY, value=1), create(b""), create(b"", salt=0)]
    contracts = [stage.contract(code, balance=1) for code in writes]
    inner = stage.contract(b"".join(call(contract, gas=40_000) for contract in contracts))
    # What a static call calls is static, too.
    code = call(inner, "STATICCALL") + b"".join(call(contract, "STATICCALL", gas=40_000) for contract in contracts)
    stage.send(stage.contract(code))
