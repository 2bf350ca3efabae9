"""Steps as they are usual: every instruction, every kind of step, on the usual state (costs.py)."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from tandem.batch.packed import pack
from tandem.batch.payload import PackedBlock, encode_batch
from tandem.chain.predeploys import PREDEPLOYS, genesis_accounts
from tandem.chain.spec import ChainParameters, Genesis, GenesisAccount
from tandem.machine import frames, precompiles, sponge, transaction_end
from tandem.machine.machine import Machine
from tandem.machine.modes import Mode, Prover
from tandem.machine.opcodes import OPCODES
from tandem.machine.stepper import execute, kind_of
from tandem.machine.stepping import Proven, StepFunction, take
from tandem.machine.structures import CreateMessage, Exit, HashJob, Precompile, Warm
from tandem.machine.word_tree import Slice, WordTree
from tandem.primitives.hashing import keccak
from tandem.primitives.types import ZERO_ADDRESS, ZERO_HASH, Seconds, Wei
from tests.support.chain import ADDRESSES, CHAIN_ID, ETHER, START, transfer
from tests.unit.machine.costs import DEAD, account_address, inhabitants, noise, usual, usual_code, words
from tests.unit.machine.on_inbox import InboxProvers, OneChain
from tests.unit.machine.support import BLOCK, CONTRACT, TX, Provers
from tests.unit.machine.test_precompiles import SUCCEEDS

Step = tuple[Machine, Prover, StepFunction]
"""A machine, who judges its next step, and that step's function."""
INVALID = 0xFE
WORD = 2**255 + 12345
DESTINATION = usual_code(b"\x5b").index(b"\x5b", 3_000)
THERE, OTHER = account_address(777), account_address(20)
"""Cold: an account of wei only, and a contract."""
WARM = account_address(5)
RECENT = WordTree(noise(32 * 256, 8), 8)
BLOBS = noise(96, 9)

OPERANDS: dict[str, tuple[int, ...]] = {
    "EXP": (7, 0x1234_5678),
    "KECCAK256": (100, 64),
    "CALLDATALOAD": (4,),
    "CALLDATACOPY": (128, 4, 160),
    "CODECOPY": (128, 700, 320),
    "RETURNDATACOPY": (128, 0, 64),
    "EXTCODECOPY": (int.from_bytes(OTHER, "big"), 0, 0, 320),
    "MCOPY": (1_000, 64, 256),
    "BLOCKHASH": (290,),
    "BLOBHASH": (1,),
    "MLOAD": (64,),
    "MSTORE": (132, WORD),
    "MSTORE8": (2_002, WORD),
    "SLOAD": (250,),
    "SSTORE": (250, WORD),
    "TLOAD": (4,),
    "TSTORE": (4, WORD),
    "JUMP": (DESTINATION,),
    "JUMPI": (DESTINATION, 1),
    "LOG0": (128, 64),
    "LOG1": (128, 64, WORD),
    "LOG2": (128, 64, WORD, WORD + 1),
    "LOG3": (128, 64, WORD, WORD + 1, WORD + 2),
    "LOG4": (128, 64, WORD, WORD + 1, WORD + 2, WORD + 3),
    "CREATE": (0, 512, 1_500),
    "CREATE2": (0, 512, 1_500, WORD),
    "CALL": (500_000, int.from_bytes(OTHER, "big"), 0, 256, 68, 512, 32),
    "CALLCODE": (500_000, int.from_bytes(OTHER, "big"), 0, 256, 68, 512, 32),
    "DELEGATECALL": (500_000, int.from_bytes(OTHER, "big"), 256, 68, 512, 32),
    "STATICCALL": (500_000, int.from_bytes(OTHER, "big"), 256, 68, 512, 32),
    "RETURN": (512, 32),
    "REVERT": (512, 100),
    "SELFDESTRUCT": (int.from_bytes(THERE, "big"),),
    **dict.fromkeys(("BALANCE", "EXTCODESIZE", "EXTCODEHASH"), (int.from_bytes(OTHER, "big"),)),
}
"""The topmost words, where not any will do. What hangs on state is cold: the dearer way."""
VARIANTS: dict[str, tuple[str, tuple[int, ...]]] = {
    "SLOAD, warm": ("SLOAD", (5,)),
    "SLOAD, nothing there": ("SLOAD", (100_000,)),
    "SSTORE, warm": ("SSTORE", (5, WORD)),
    "SSTORE, second write": ("SSTORE", (3, WORD)),
    "SSTORE, no change": ("SSTORE", (5, words(6, 2)[5])),
    "SSTORE, to zero": ("SSTORE", (250, 0)),
    "SSTORE, new": ("SSTORE", (100_000, WORD)),
    "TSTORE, to zero": ("TSTORE", (4, 0)),
    "BALANCE, warm": ("BALANCE", (int.from_bytes(WARM, "big"),)),
    "CALL, warm": ("CALL", (500_000, int.from_bytes(WARM, "big"), 0, 256, 68, 512, 32)),
    "CALL, value": ("CALL", (500_000, int.from_bytes(THERE, "big"), 10**15, 256, 68, 512, 32)),
    "CALL, value, new account": ("CALL", (500_000, int.from_bytes(DEAD, "big"), 10**15, 0, 0, 0, 0)),
    "SELFDESTRUCT, new account": ("SELFDESTRUCT", (int.from_bytes(DEAD, "big"),)),
    "LOG3, a transfer": ("LOG3", (128, 32, WORD, WORD + 1, WORD + 2)),
}


def family(name: str) -> str:
    """What an instruction is reported under: pushes, copies of stack words and swaps are alike."""
    for stem in ("PUSH", "DUP", "SWAP"):
        if name.startswith(stem) and name != "PUSH0":
            return f"{stem}n"
    return name


def instructions() -> Iterator[tuple[str, Machine, Prover]]:
    """Every opcode, by name, with a machine before it; and the variants."""
    for number, opcode in enumerate(OPCODES):
        if opcode is not None:
            yield opcode.name, _before(number, OPERANDS.get(opcode.name)), opcode.prover
    yield "INVALID", _before(INVALID, ()), Prover.COMPUTE
    numbers = {opcode.name: opcode for opcode in OPCODES if opcode is not None}
    for name, (instruction, operands) in VARIANTS.items():
        opcode = numbers[instruction]
        yield name, _before(opcode.number, operands), opcode.prover


def _before(number: int, operands: tuple[int, ...] | None) -> Machine:
    opcode = OPCODES[number]
    if operands is None:
        operands = tuple(words(opcode.pops, 7)) if opcode is not None else ()
    data = noise(number - 0x5F, number) if 0x60 <= number < 0x80 else b""
    code = bytes([number]) + data
    filler = usual_code(code)
    blobs = keccak(BLOBS)
    m = usual(
        filler,
        operands,
        tx=replace(TX, blob_hashes=blobs),
        block=replace(BLOCK, number=300, recent_hashes=RECENT.root()),
    )
    m.chain.nodes.put(blobs, BLOBS)
    for past in range(44, 300):
        m.chain.ancestry.add(past, RECENT.node(0, past % 256))
    return m


def kinds() -> dict[str, Callable[[], Step]]:
    """Steps of other kinds that no usual batch (`batch_steps`) has."""
    return {
        "COPY, 160 bytes of calldata": lambda: _copy("CALLDATACOPY", (128, 4, 160)),
        "COPY, 1,024 bytes of memory": lambda: _copy("MCOPY", (1_024, 100, 2_048)),
        "COPY, 1,024 bytes of code": lambda: _copy("CODECOPY", (1_024, 700, 2_048)),
        "KECCAK, a block": lambda: _absorb(4_000, 0),
        "KECCAK, the last": lambda: _absorb(100, 0),
        "KECCAK, the last of a log": lambda: _absorb(100, 4),
        "CREATE_ENTER, 1,500 bytes": _create_enter,
        "CODE_DEPOSIT, 5,000 bytes": _deposit,
        "SELFDESTRUCT_SWEEP": _sweep,
        "TX_WARM, slot": _warm_slot,
        **{
            f"PRECOMPILE, {name}": lambda name=name: _precompile(name)  # type: ignore[misc]
            for name in (
                "ecrecover", "sha256, 200", "ripemd160, 200", "identity, 33", "modexp, 2048 bits", "ecadd", "ecmul",
                "pairing, one", "blake2f", "point evaluation",
            )
        },
    }  # fmt: skip


def _copy(name: str, operands: tuple[int, ...]) -> Step:
    number = next(opcode.number for opcode in OPCODES if opcode is not None and opcode.name == name)
    m = _before(number, operands)
    take(m, execute)
    return m, Prover.MEMORY_OPS, kind_of(m).function


def _absorb(size: int, topics: int) -> Step:
    m = usual(usual_code(b"\x5b"), mode=Mode.KECCAK)
    assert m.frame is not None
    lanes = tuple(value & (2**64 - 1 if index == 6 else 2**256 - 1) for index, value in enumerate(words(7, 10)))
    topic_words = (WORD, WORD + 1, WORD + 2, 0) if topics else (0, 0, 0, 0)
    m.aux = HashJob(lanes, m.frame.memory, 77, size, topics, topic_words)
    return m, Prover.SPONGE, sponge.absorb_next


def _create_enter() -> Step:
    m = usual(usual_code(b"\x5b"), mode=Mode.CREATE)
    assert m.frame is not None
    m.aux = CreateMessage(CONTRACT, 10**15, 1_000_000, 1, False, 0, Slice.of(m.frame.memory, 512, 1_500))
    return m, Prover.FRAMES, frames.enter_creation


def _deposit() -> Step:
    m = usual(usual_code(b"\x5b"), mode=Mode.DEPOSIT, is_create=True, memory=noise(6_000, 11), target=OTHER)
    assert m.frame is not None
    m.aux = Exit(1, Slice.of(m.frame.memory, 512, 5_000))
    return m, Prover.FRAMES, frames.deposit_code


def _sweep() -> Step:
    m = usual(usual_code(b"\x5b"), mode=Mode.SWEEP)
    assert m.world is not None
    link = ZERO_HASH + OTHER.rjust(32, b"\0")
    m.chain.nodes.put(keccak(link), link)
    m.world = replace(m.world, doomed=keccak(link))
    m.frame = m.tx = None
    return m, Prover.TRANSACTION_END, transaction_end.sweep


def _warm_slot() -> Step:
    m = usual(usual_code(b"\x5b"), mode=Mode.WARM)
    data = noise(20_000, 12)
    m.cursor = replace(m.cursor, data=Slice.of(WordTree(data), 0, len(data)))
    m.frame = None
    m.aux = Warm(7_003, 8_003, 7_903, CONTRACT, 500_000)
    return m, Prover.TRANSACTION_END, transaction_end.warm_next


def _precompile(name: str) -> Step:
    number, data = SUCCEEDS[name]
    given = WordTree(noise(700, 13) + data + noise(500, 14))
    m = usual(b"", mode=Mode.PRECOMPILE, at=0, calldata=Slice.of(given, 700, len(data)), memory=WordTree())
    m.aux = Precompile(number)
    return m, Prover.PRECOMPILES, precompiles.run


# -- a usual batch


def usual_chain() -> OneChain:
    """A chain with a batch of transfers, calls and a message in its inbox."""
    parameters = ChainParameters(CHAIN_ID)
    accounts = genesis_accounts(dict.fromkeys(PREDEPLOYS, b"\0"), ZERO_ADDRESS, ZERO_ADDRESS)
    accounts |= inhabitants()
    accounts |= {address: GenesisAccount(Wei(5 * ETHER)) for address in ADDRESSES[:4]}
    # Stores a word of its calldata, copies a word of its code and returns it.
    accounts[OTHER] = GenesisAccount(Wei(1), 1, bytes.fromhex("6004356000556020600060003960206000f3"))
    chain = OneChain(InboxProvers(parameters), Genesis(Seconds(START), accounts), parameters)
    chain.inbox.enqueue(ADDRESSES[1], account_address(50), mint=10**17, value=10**16, data=noise(100, 15))
    blocks = []
    for block in range(4):
        transactions = [
            pack(transfer(0, 5 * block + index, account_address(10 * block + index), 10**15)) for index in range(4)
        ]
        transactions.append(pack(transfer(0, 5 * block + 4, OTHER, 0, data=noise(68, block))))
        blocks.append(PackedBlock(2, 1 if block == 0 else 0, tuple(transactions)))
    chain.inbox.submit(encode_batch(blocks))
    return chain


def batch_steps(chain: OneChain) -> Iterator[tuple[str, Proven]]:
    """All steps of the batch but the instructions, judged."""
    m = chain.machine()
    halted = False
    while not halted:
        halted = m.mode == Mode.HALTED
        kind = kind_of(m)
        if m.mode == Mode.EXEC:
            take(m, kind.function)
        else:
            yield kind.name, chain.provers.check(m, kind.prover, kind.function)


def judge(provers: Provers, step: Step) -> Proven:
    """The step, taken and judged."""
    return provers.check(*step)
