"""The real AppRegistry on revm, and TicTacToe: what players of a session can do on chain, in microseconds."""

from typing import Any

from tandem.channels.appeals import Registered
from tandem.channels.sessions import AppDomain, Session, SignedState
from tandem.primitives.hashing import keccak
from tandem.primitives.types import Address, Hash, Seconds
from tests.support.revm import DEPLOYER, Revm, call_data, decode_result
from tests.support.solidity import compile_contracts

SESSION = "(address,address,address,uint32,bytes32,bytes)"


class Rejected(Exception):
    """The call reverts."""


class Registry:
    """`now`: of the block that a call is in, seconds."""

    def __init__(self) -> None:
        compiled = compile_contracts("channels/AppRegistry.sol", "channels/apps/TicTacToe.sol")
        self._revm = Revm()
        self._at = self._revm.deploy(compiled["AppRegistry"])
        self.game = Address(bytes.fromhex(self._revm.deploy(compiled["TicTacToe"])[2:]))
        self.domain = AppDomain(1, Address(bytes.fromhex(self._at[2:])))
        self._states: dict[bytes, bytes] = {}

    def put(self, session: Session, state: SignedState, now: int) -> None:
        self._states[keccak(state.state)] = state.state
        signature = f"put({SESSION},uint64,bytes,bytes,bytes)"
        self._send(now, call_data(signature, _abi(session), state.turn, state.state, *state.signatures))

    def move(self, session: Session, before: bytes, after: SignedState, now: int) -> None:
        self._states[keccak(after.state)] = after.state
        [signature] = [each for each in after.signatures if each] or [b""]
        call = call_data(f"move({SESSION},bytes,bytes,bytes)", _abi(session), before, after.state, signature)
        self._send(now, call)

    def resolve(self, session: Session, state: bytes, now: int) -> None:
        self._send(now, call_data(f"resolve({SESSION},bytes)", _abi(session), state))

    def registered(self, session: Session) -> Registered | None:
        """As a node sees it."""
        data = self._revm.call(self._at, call_data("getSession(bytes32)", session.id))
        types = "uint8,bool,uint64,uint8,uint64,uint32,bytes32"
        status, is_agreed, turn, _, deadline, _, state_hash = decode_result(types, data)
        if status == 0:
            return None
        return Registered(turn, self._states[state_hash], is_agreed, Seconds(deadline), status == 2)

    def payouts(self, session: Session) -> dict[Hash, int]:
        """By reference."""
        refs = [session.ref(player) for player in (0, 1)]
        calls = (self._revm.call(self._at, call_data("payoutOf(bytes32)", ref)) for ref in refs)
        return {ref: int(decode_result("uint128", data)) for ref, data in zip(refs, calls, strict=True)}

    def _send(self, now: int, data: bytes) -> None:
        self._revm.set_time(now)
        if not self._revm.send(DEPLOYER, self._at, data).success:
            raise Rejected


def _abi(session: Session) -> tuple[Any, ...]:
    players = ("0x" + address.hex() for address in (session.player0, session.player1, session.app))
    return *players, session.timeout, session.salt, session.terms
