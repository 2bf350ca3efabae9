"""A kind of step with numbers that may vary, and the state that it is built in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tandem.machine import (
    precompiles,
)
from tandem.machine.machine import Machine
from tandem.machine.modes import Prover
from tandem.machine.opcodes import OPCODES
from tandem.machine.state_trees import PRESENT
from tandem.machine.stepper import execute
from tandem.machine.stepping import Proven, StepFunction
from tandem.machine.structures import (
    Precompile,
)
from tandem.primitives.types import Address, Hash
from tandem.state import tree
from tandem.state.database import address_key
from tests.unit.machine import test_precompiles
from tests.unit.machine.costs import (
    DEEPEST,
    Cost,
    Shape,
    account_address,
    cost,
    grow,
    usual,
    usual_code,
    words,
)
from tests.unit.machine.on_inbox import OneChain

Numbers = dict[str, int]
Step = tuple[Machine, Prover, StepFunction]
MAX_INIT_CODE, MAX_CODE, MAX_HASHED, RATE = 49_152, 24_576, 65_536, 136
MEMORY_WORDS = 91_000
"""About as many as 2^24 gas can buy."""
THERE = account_address(777)
WORD = words(1, 21)[0]
CODE_BYTE = {"JUMPDEST": 0x5B, "PUSH1": 0x60, "PUSH32": 0x7F}
LEVELS = {"levels": (0, DEEPEST), "shared": (0, DEEPEST)}
CODE = {"code size": (1, MAX_INIT_CODE), "pc": (0, MAX_INIT_CODE - 1)}


@dataclass(frozen=True, slots=True)
class Worst:
    """A kind of step with what may vary: numbers from low to high; and where it is known to be dear."""

    space: dict[str, tuple[int, int]]
    build: Callable[[OneChain, Numbers], Step]
    known: tuple[Numbers, ...] = ()

    def measure(self, chain: OneChain, numbers: Numbers) -> tuple[Cost, Proven]:
        """Take and judge the step. The contract's answer is compared with Python's."""
        machine, prover, function = self.build(chain, numbers)
        surcharge = osaka_surcharge(machine) if prover == Prover.PRECOMPILES else 0
        proven = chain.provers.check(machine, prover, function)
        measured = cost(chain.provers, proven)
        return Cost(measured.gas + surcharge, measured.witness), proven


def shape_of(numbers: Numbers) -> Shape:
    """What is around each key."""
    return Shape(numbers["levels"], numbers["shared"])


def deepen(
    m: Machine,
    numbers: Numbers,
    accounts: Sequence[Address] = (),
    access: Sequence[Hash] = (),
    transient: Sequence[Hash] = (),
) -> Machine:
    """Let the trees be deep around these keys."""
    shape, nodes = shape_of(numbers), m.chain.nodes
    assert m.world is not None
    m.world = replace(
        m.world,
        state_root=grow(nodes, m.world.state_root, {address_key(address): shape for address in accounts}, 1),
        access_root=grow(nodes, m.world.access_root, dict.fromkeys(access, shape), 2),
        transient_root=grow(nodes, m.world.transient_root, dict.fromkeys(transient, shape), 3),
    )
    return m


def warm(m: Machine, *keys: Hash) -> None:
    """Have these in the access set."""
    assert m.world is not None
    root = tree.update(m.chain.nodes, m.world.access_root, dict.fromkeys(keys, PRESENT))
    m.world = replace(m.world, access_root=root)


def at_opcode(name: str, numbers: Numbers, operands: Sequence[int] = (), data: bytes = b"", **fields: object) -> Step:
    """About to do this instruction, in code of these numbers."""
    opcode = next(opcode for opcode in OPCODES if opcode is not None and opcode.name == name)
    size = numbers.get("code size", MAX_INIT_CODE)
    at = min(numbers.get("pc", 0), size - 1)
    code = usual_code.__wrapped__(bytes([opcode.number]) + data, size, at)[:size]
    return usual(code, operands, at=at, **fields), opcode.prover, execute  # type: ignore[arg-type]


def number_of(address: Address) -> int:
    """The address as a stack word."""
    return int.from_bytes(address, "big")


def osaka_surcharge(m: Machine) -> int:
    """What MODEXP costs more on L1 since Osaka (EIP-7883) than on the EVM that measures (EIP-2565)."""
    assert isinstance(m.aux, Precompile) and m.frame is not None
    if m.aux.number != test_precompiles.MODEXP:
        return 0
    data = m.frame.input.bytes()
    base, exponent, modulus = (int.from_bytes(data[at : at + 32], "big") for at in (0, 32, 64))
    head = int.from_bytes(data[96 + base :][: min(exponent, 32)], "big")
    gas = precompiles.modexp_gas(base, exponent, modulus, head)
    if gas > precompiles.CAPS.modexp_gas or not modulus:
        return 0  # not called
    longest = max(base, modulus)
    complexity = 16 if longest <= 32 else 2 * (longest + 7 >> 3) ** 2
    iterations = max(head.bit_length() - 1, 0) + 16 * max(exponent - 32, 0)
    return max(500, complexity * max(iterations, 1)) - gas
