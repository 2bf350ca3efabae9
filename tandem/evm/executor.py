"""Executes a block's transactions one by one on a state, and says what they changed.

An InvalidTransaction leaves no trace. A transaction that fails in execution leaves its fee and its nonce, nothing else.
"""

from tandem.errors import InvalidTransaction
from tandem.evm.calls import contract_address
from tandem.evm.context import BlockContext
from tandem.evm.delegation import apply_authorizations
from tandem.evm.diff import StateDiff
from tandem.evm.frame import Environment, Message
from tandem.evm.machine import machine
from tandem.evm.outcome import ADDRESS_COLLISION, INSUFFICIENT_BALANCE, INTRINSIC_GAS, kind
from tandem.evm.reader import StateReader
from tandem.evm.receipt import Receipt
from tandem.evm.rules import Rules
from tandem.evm.tracing import Tracer
from tandem.evm.validation import Cost, intrinsic_gas, validate
from tandem.evm.world import World
from tandem.primitives.types import Address, Gas, Wei
from tandem.transactions.transaction import AccessList, DepositTransaction, SignedTransaction, Transaction

MAX_REFUND_QUOTIENT = 5
"""EIP-3529: at most a fifth of the gas used is refunded."""


class Outcome:
    """What the topmost message of a transaction came to."""

    __slots__ = ("address", "error", "gas_left", "output")

    def __init__(self, gas_left: int, output: bytes, error: str | None, address: Address | None = None) -> None:
        self.gas_left = gas_left
        self.output = output
        self.error = error
        self.address = address


class BlockExecutor:
    """One block in the making. `state` reads it as it stands after the transactions applied so far."""

    shortcut_transfers = True
    """A call to an account without code runs no instruction, so no frame is made. Tests switch this off to compare."""

    def __init__(self, reader: StateReader, context: BlockContext, rules: Rules) -> None:
        self.context = context
        self.rules = rules
        self.gas_used = Gas(0)
        """Gas used by signed transactions. Deposits have a budget of their own, in gas limits: they pay no base fee, so
        they must not move it."""
        self._deposit_gas = Gas(0)
        self._machine = machine(rules)
        self._world = World(reader, context, rules.chain_id, self._machine.precompile_addresses)

    @property
    def state(self) -> StateReader:
        """The state after the transactions applied so far."""
        return self._world

    def apply(self, tx: Transaction, tracer: Tracer | None = None, *, check_sender_code: bool = True) -> Receipt:
        """Execute one transaction. InvalidTransaction where the rules refuse it here.

        `check_sender_code` is off only in simulations, where a contract may ask in its own name (EIP-3607).
        """
        world = self._world
        if isinstance(tx, SignedTransaction):
            cost = validate(self.rules, self.context, world, self.gas_used, tx, check_sender_code)
        elif self._deposit_gas + tx.gas_limit > self.context.gas_limit:
            raise InvalidTransaction("block_gas", "the deposit does not fit: derivation must not place it here")
        start = world.snapshot()
        try:
            receipt = self._signed(tx, cost, tracer) if isinstance(tx, SignedTransaction) else self._deposit(tx, tracer)
        except BaseException:  # a bug, an interrupt: the block stays as it was before this transaction
            world.revert(start)
            raise
        world.end()
        if isinstance(tx, SignedTransaction):
            self.gas_used = Gas(self.gas_used + receipt.gas_used)
        else:
            self._deposit_gas = Gas(self._deposit_gas + tx.gas_limit)
        return receipt

    def finish(self) -> StateDiff:
        """What the block changed."""
        return self._world.diff()

    # -- signed transactions

    def _signed(self, tx: SignedTransaction, cost: Cost, tracer: Tracer | None) -> Receipt:
        world = self._world
        world.delta_balance(tx.sender, -(tx.gas_limit * cost.gas_price + cost.blob_fee))
        world.burnt += cost.blob_fee
        world.increment_nonce(tx.sender)
        if tx.authorizations:
            apply_authorizations(world, tx.authorizations)
        environment = Environment(tx.sender, cost.gas_price, tx.blob_hashes, tracer)
        gas = tx.gas_limit - cost.intrinsic
        outcome = self._message(tx.sender, tx.to, tx.value, gas, tx.data, tx.access_list, tx.nonce, environment)
        used = self._settle_gas(tx.gas_limit, outcome, cost)
        world.delta_balance(tx.sender, (tx.gas_limit - used) * cost.gas_price)
        self._pay(used, cost.gas_price)
        return self._receipt(outcome, used, cost.gas_price)

    def _settle_gas(self, gas_limit: int, outcome: Outcome, cost: Cost) -> int:
        used = gas_limit - outcome.gas_left
        used -= min(used // MAX_REFUND_QUOTIENT, self._world.refund)
        return max(used, cost.floor)

    def _pay(self, gas: int, price: int) -> None:
        """The fee to the coinbase: all of it, or only the tip where the rules burn the base fee."""
        world = self._world
        base = self.context.base_fee if self.rules.burn_base_fee else 0
        world.delta_balance(self.context.coinbase, gas * (price - base))
        world.burnt += gas * base

    # -- deposits (protocol.md, section 3)

    def _deposit(self, tx: DepositTransaction, tracer: Tracer | None) -> Receipt:
        world = self._world
        world.mint(tx.sender, tx.mint)
        nonce = world.get_nonce(tx.sender)
        world.increment_nonce(tx.sender)
        intrinsic = intrinsic_gas(tx.data, tx.to is None)
        if intrinsic > tx.gas_limit:
            outcome = Outcome(0, b"", INTRINSIC_GAS)
        elif tx.value > world.get_balance(tx.sender):
            outcome = Outcome(0, b"", INSUFFICIENT_BALANCE)
        else:
            environment = Environment(tx.sender, 0, (), tracer)
            gas = tx.gas_limit - intrinsic
            outcome = self._message(tx.sender, tx.to, tx.value, gas, tx.data, (), nonce, environment)
        used = tx.gas_limit - outcome.gas_left
        used -= min(used // MAX_REFUND_QUOTIENT, world.refund)
        return self._receipt(outcome, used, 0)

    # -- both

    def _message(
        self,
        sender: Address,
        to: Address | None,
        value: Wei,
        gas: int,
        data: bytes,
        access_list: AccessList,
        nonce: int,
        environment: Environment,
    ) -> Outcome:
        world, evm = self._world, self._machine
        if to is None:
            address = Address(contract_address(sender, nonce))
            self._warm(sender, address, access_list)
            if world.has_code_or_nonce(address):
                return Outcome(0, b"", ADDRESS_COLLISION, address)
            frame = evm.create(world, Message("CREATE", sender, address, address, data, gas, value), environment)
        else:
            address = None
            code, source = evm.resolve(world, to)
            if self.shortcut_transfers and not code and to not in evm.precompiles and environment.tracer is None:
                world.delta_balance(sender, -value)
                world.delta_balance(to, value)
                return Outcome(gas, b"", None)
            self._warm(sender, to, access_list)
            world.mark_address_warm(source)
            frame = evm.call(world, Message("CALL", sender, to, to, code, gas, value, data), environment)
        error = kind(frame.failure) if frame.failure else None
        return Outcome(frame.gas, frame.result, error, address)

    def _warm(self, sender: Address, target: Address, access_list: AccessList) -> None:
        world = self._world
        world.mark_address_warm(sender)
        world.mark_address_warm(target)
        for address, slots in access_list:
            world.mark_address_warm(address)
            for slot in slots:
                world.warm_slot(address, int.from_bytes(slot, "big"))

    def _receipt(self, outcome: Outcome, used: int, price: int) -> Receipt:
        return Receipt(
            status=0 if outcome.error else 1,
            gas_used=Gas(used),
            logs=tuple(self._world.logs),
            contract_address=outcome.address,
            output=outcome.output,
            error=outcome.error,
            effective_gas_price=Wei(price),
        )
