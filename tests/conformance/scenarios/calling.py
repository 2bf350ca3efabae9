"""Calls, creations and destructions, and what becomes of their frames."""

from tandem.chain.spec import GenesisAccount
from tandem.evm.calls import MAX_INIT_CODE, MAX_NONCE, contract_address
from tandem.machine.frames import MAX_CODE_SIZE
from tandem.primitives.types import Address, Wei
from tests.conformance.scenarios.instructions import IDENTITY, NOBODY, STRANGERS
from tests.conformance.scenarios.stage import Stage
from tests.support.assembler import assemble, call, create, deploying, store
from tests.support.chain import ADDRESSES

KINDS = ("CALL", "CALLCODE", "DELEGATECALL", "STATICCALL")
TOO_MUCH = 10**30
"""Wei: more than anybody has."""
OUTSIDE = Address(b"\xee" * 20)


def calls(stage: Stage) -> None:
    """Every call: cold and warm, with value, without the money, to nobody, to a precompile, to no code."""
    code = b""
    for kind, stranger in zip(KINDS, STRANGERS, strict=False):
        stage.accounts[stranger] = GenesisAccount(Wei(3), 1, assemble("CALLVALUE", 0, "MSTORE"))
        code += call(stranger, kind) + call(stranger, kind, gas=90_000) + call(IDENTITY, kind)
    for kind in KINDS[:2]:
        code += call(STRANGERS[0], kind, value=1) + call(STRANGERS[0], kind, value=TOO_MUCH)
    code += call(NOBODY, value=1) + call(NOBODY, value=1) + call(OUTSIDE) + call(OUTSIDE, value=TOO_MUCH)
    code += call(IDENTITY, value=1)
    stage.send(stage.contract(code, balance=100), value=5)


def returns(stage: Stage) -> None:
    """Every way in which a frame ends, with and without data for the caller's memory."""
    fill = store(b"\x77" * 64)
    ends = [fill + assemble(1_500, 9, name) for name in ("RETURN", "REVERT")]
    ends += [assemble(0, 0, name) for name in ("RETURN", "REVERT")]
    ends += [assemble("STOP"), assemble("INVALID"), assemble(1, "POP")]
    code = b""
    for end in ends:
        contract = stage.contract(end)
        for kind in KINDS:
            code += call(contract, kind, gas=30_000, output=(40, 1_200))
        code += call(contract, gas=30_000, output=(3, 5)) + call(contract, gas=30_000)
    # Return data outlive the frame they come from, and the memory they were in.
    code += call(stage.contract(ends[0]), gas=30_000) + fill
    code += assemble("RETURNDATASIZE", 0, 0, "RETURNDATACOPY", 1_600, 0, "RETURN")
    contract = stage.contract(code)
    stage.send(contract)
    for end in ends:
        stage.send(stage.contract(end), gas=100_000)


def creations(stage: Stage) -> None:
    """CREATE and CREATE2: what they refuse, what is deposited, and what is there already."""
    code = b""
    for salt in (None, 3):
        for init in (deploying(b"\x01\x02"), b"", assemble("INVALID"), store(b"no") + assemble(32, 0, "REVERT")):
            again = call(stage.contract(create(init, salt=salt) + assemble("POP")), gas=300_000)
            # The second time CREATE2 finds the address taken.
            code += again + again
        code += create(b"", value=TOO_MUCH, salt=salt) + create(deploying(b"\x5b"), value=2, salt=salt)
        code += call(stage.contract(create(b"", salt=salt), nonce=MAX_NONCE), gas=100_000)
        salted = () if salt is None else (salt,)
        large = assemble(*salted, MAX_INIT_CODE + 1, 0, 0, "CREATE" if salt is None else "CREATE2")
        code += call(stage.contract(large), gas=100_000)
    stage.send(stage.contract(code, balance=100))


def deposits(stage: Stage) -> None:
    """Codes that are too dear, too large, of a first byte that is none; and the largest."""
    code = b""
    for init in (assemble(4_000, 0, "RETURN"), assemble(MAX_CODE_SIZE + 1, 0, "RETURN"), deploying(b"\xef\0")):
        code += call(stage.contract(create(init)), gas=300_000)
    stage.send(stage.contract(code + create(assemble(MAX_CODE_SIZE, 0, "RETURN"))))


def creating_transactions(stage: Stage) -> None:
    """Contracts made by transactions themselves. One finds its address taken: by storage alone (EIP-7610)."""
    for nonce, end in enumerate((deploying(b"\x01\x02"), b"", assemble("INVALID"), assemble(9, 0, "REVERT"))):
        assert stage.unsigned(None, key=1).nonce == nonce
        stage.send(None, key=1, data=end, gas=200_000, value=nonce)
    for nonce, account in enumerate(
        (GenesisAccount(nonce=1), GenesisAccount(Wei(1), code=b"\x01"), GenesisAccount(Wei(1), storage=((1, 1),)))
    ):
        stage.accounts[Address(contract_address(ADDRESSES[2], nonce))] = account
        stage.send(None, key=2, data=deploying(b"\x01"), gas=200_000)


def destructions(stage: Stage) -> None:
    """SELFDESTRUCT of old contracts, which stay, and of new ones, which go."""

    def number(address: Address) -> int:
        return int.from_bytes(address, "big")

    code = b""
    stage.accounts[OUTSIDE] = GenesisAccount(Wei(1))
    for heir, balance in ((OUTSIDE, 0), (OUTSIDE, 3), (NOBODY, 7), (STRANGERS[7], 0)):
        code += call(stage.contract(assemble(number(heir), "SELFDESTRUCT"), balance=balance), gas=100_000)
    itself = stage.contract(assemble("ADDRESS SELFDESTRUCT"), balance=4)
    code += call(itself, gas=100_000)
    stage.send(stage.contract(code))
    gone = [create(assemble(part, "SELFDESTRUCT"), value=value) for part in ("ADDRESS", "CALLER") for value in (0, 2)]
    gone.append(create(assemble(number(STRANGERS[6]), "SELFDESTRUCT"), value=2))
    # One that is called again when it is doomed, and one whose doom is undone.
    twice = create(deploying(assemble("CALLER SELFDESTRUCT"))) + assemble(*[0] * 5, "DUP6 GAS CALL POP")
    undone = call(stage.contract(gone[0] + assemble(0, 0, "REVERT")), gas=200_000)
    stage.send(stage.contract(b"".join(gone) + twice + assemble(*[0] * 5, "DUP6 GAS CALL") + undone, balance=50))
    stage.send(None, key=3, data=assemble("CALLER SELFDESTRUCT"), gas=200_000, value=1)
