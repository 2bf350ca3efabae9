"""The chunk tree of code: contracts/machine/lib/CodeChunks.sol against tandem/state/code.py."""

import random

import pytest

from tandem.state.code import CHUNK_BYTES, DEPTH, code_root
from tests.support.revm import Reverted, Revm, call_data, decode_result
from tests.support.solidity import compile_contracts

MAX_INIT_CODE = 49_152
PUSH1, PUSH30, PUSH31, PUSH32, JUMPDEST = 0x60, 0x7D, 0x7E, 0x7F, 0x5B


class Chunks:
    """The library, deployed."""

    def __init__(self) -> None:
        self.revm = Revm()
        self.address = self.revm.deploy(compile_contracts("test/CodeChunksHarness.sol")["CodeChunksHarness"])

    def root(self, code: bytes) -> tuple[bytes, int]:
        """The root and its gas."""
        root, gas = decode_result("(bytes32,uint256)", self.revm.call(self.address, call_data("root(bytes)", code)))
        return root, gas


@pytest.fixture(scope="module")
def chunks() -> Chunks:
    return Chunks()


def test_no_code_has_no_root(chunks: Chunks) -> None:
    assert chunks.root(b"")[0] == bytes(32)


@pytest.mark.parametrize(
    "size", [1, 2, 30, 31, 32, 33, 61, 62, 63, 92, 93, 94, 124, 125, 310, 992, 993, 24_576, 49_152]
)
@pytest.mark.parametrize("fill", [JUMPDEST, PUSH1, PUSH30, PUSH31, PUSH32, 0xFF])
def test_sizes(chunks: Chunks, size: int, fill: int) -> None:
    code = bytes([fill]) * size
    assert chunks.root(code)[0] == code_root(code)


@pytest.mark.parametrize("opcode", range(0x5E, 0x82))
def test_each_push_at_each_place_of_a_chunk(chunks: Chunks, opcode: int) -> None:
    """Data that ends within the chunk, at its end, and beyond one and two ends; JUMPDEST and PUSH within the data."""
    for place in range(CHUNK_BYTES):
        for data in (JUMPDEST, opcode):
            code = bytes([JUMPDEST]) * place + bytes([opcode]) + bytes([data]) * 70 + b"\x01" * 30
            assert chunks.root(code)[0] == code_root(code), (place, data)


def test_each_byte_value_is_seen_as_what_it_is(chunks: Chunks) -> None:
    for opcode in range(256):
        code = bytes([opcode]) + bytes([PUSH32]) * 40 + bytes([opcode]) * 40
        assert chunks.root(code)[0] == code_root(code), opcode


def test_random_codes(chunks: Chunks) -> None:
    choice = random.Random(31)
    for _ in range(400):
        size = choice.randrange(1, 1_200)
        kind = choice.randrange(3)
        if kind == 0:
            code = choice.randbytes(size)
        elif kind == 1:
            code = bytes(choice.choice((PUSH1, PUSH30, PUSH31, PUSH32, JUMPDEST, 0)) for _ in range(size))
        else:
            code = bytes(choice.randrange(0x58, 0x88) for _ in range(size))
        assert chunks.root(code)[0] == code_root(code)


@pytest.mark.parametrize("byte", [JUMPDEST, PUSH1, PUSH1 + 6, PUSH32])
def test_the_largest_init_code_is_cheap(chunks: Chunks, byte: int) -> None:
    root, gas = chunks.root(bytes([byte]) * MAX_INIT_CODE)
    assert root == code_root(bytes([byte]) * MAX_INIT_CODE)
    print(f"\n{MAX_INIT_CODE} bytes of 0x{byte:02x}: {gas:,} gas")
    assert gas < 1_600_000


def test_the_tree_holds_no_more_than_its_chunks(chunks: Chunks) -> None:
    full = bytes([JUMPDEST]) * (CHUNK_BYTES << DEPTH)
    assert chunks.root(full)[0] == code_root(full)
    with pytest.raises(Reverted):
        chunks.root(full + b"\0")
