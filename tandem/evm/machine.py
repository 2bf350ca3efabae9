"""Runs messages: value transfer, precompile or code, and all of it taken back on failure."""

from functools import lru_cache

from eth.exceptions import InsufficientStack, ReservedBytesInCode, VMError

from tandem.evm.delegation import is_delegation
from tandem.evm.frame import Environment, Frame, Message
from tandem.evm.interpreter import interpret
from tandem.evm.outcome import CodeTooLarge, kind
from tandem.evm.precompiles import Precompile, precompiles
from tandem.evm.rules import Fork, PrecompileCaps, Rules
from tandem.evm.tables import operations
from tandem.evm.traced import interpret_traced
from tandem.evm.world import World

MAX_CODE_SIZE = 24_576
"""EIP-170, bytes."""
CODE_DEPOSIT_GAS = 200
"""A byte of deployed code."""


class Machine:
    """The EVM under one chain's rules."""

    def __init__(self, fork: Fork, caps: PrecompileCaps | None) -> None:
        self.fork = fork
        self.operations = operations(fork)
        self.precompiles: dict[bytes, Precompile] = precompiles(fork, caps)
        self.precompile_addresses = frozenset(self.precompiles)

    def call(self, world: World, message: Message, environment: Environment) -> Frame:
        """A message call. The frame returned says how it went; its effects stand only if it succeeded."""
        tracer = environment.tracer
        if tracer is not None:
            tracer.enter(message)
        snapshot = world.snapshot()
        if message.transfers:
            if message.value:
                world.delta_balance(message.sender, -message.value)
                world.delta_balance(message.storage_address, message.value)
            else:
                world.touch(message.storage_address)
        frame = Frame(self, world, message, environment)
        try:
            precompile = self.precompiles.get(message.code_address)
            if precompile is not None:
                self._precompiled(precompile, frame)
            elif message.code:
                self._run(frame)
        except VMError as error:
            self._fail(frame, error)
            world.revert(snapshot)
        if tracer is not None:
            tracer.leave(message, frame.result, frame.gas, kind(frame.failure) if frame.failure else None)
        return frame

    def create(self, world: World, message: Message, environment: Environment) -> Frame:
        """A creation at `message.storage_address`, which is free: runs `message.code` and deploys what it returns."""
        tracer = environment.tracer
        if tracer is not None:
            tracer.enter(message)
        snapshot = world.snapshot()
        world.create(message.storage_address)
        if message.value:
            world.delta_balance(message.sender, -message.value)
            world.delta_balance(message.storage_address, message.value)
        frame = Frame(self, world, message, environment)
        try:
            self._run(frame)
            self._deploy(frame)
        except VMError as error:
            self._fail(frame, error)
            world.revert(snapshot)
        if tracer is not None:
            tracer.leave(message, frame.result, frame.gas, kind(frame.failure) if frame.failure else None)
        return frame

    def resolve(self, world: World, address: bytes) -> tuple[bytes, bytes]:
        """(code, where it stands) of an account: its own, or that it delegates to (EIP-7702)."""
        code = world.get_code(address)
        if self.fork.delegation and is_delegation(code):
            target = code[3:]
            return world.get_code(target), target
        return code, address

    def _run(self, frame: Frame) -> None:
        tracer = frame.transaction_context.tracer
        if tracer is None:
            interpret(frame, self.operations)
        else:
            interpret_traced(frame, self.operations, tracer)

    @staticmethod
    def _precompiled(precompile: Precompile, frame: Frame) -> None:
        try:
            precompile(frame)
        except (IndexError, InsufficientStack) as error:  # the loop around would read it as a stack underflow
            raise RuntimeError(f"precompile {frame.msg.code_address.hex()} is broken") from error

    @staticmethod
    def _deploy(frame: Frame) -> None:
        code = frame.result
        if len(code) > MAX_CODE_SIZE:
            raise CodeTooLarge(f"code of {len(code)} bytes (EIP-170)")
        if code[:1] == b"\xef":
            raise ReservedBytesInCode("code begins with 0xEF (EIP-3541)")
        frame.consume_gas(CODE_DEPOSIT_GAS * len(code), "code deposit")
        if code:
            frame.state.set_code(frame.msg.storage_address, code)

    @staticmethod
    def _fail(frame: Frame, error: VMError) -> None:
        frame.failure = error
        if error.burns_gas:
            frame.gas = 0
            frame.result = b""


@lru_cache(maxsize=64)
def machine(rules: Rules) -> Machine:
    """The machine of these rules."""
    return Machine(rules.fork, rules.precompile_caps)
