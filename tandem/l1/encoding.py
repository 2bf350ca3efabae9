"""Protocol values as web3 passes them to the L1 contracts: tuples in the order of the Solidity structs."""

from tandem.l1.contracts import checksum
from tandem.rollup.assertions import Claim, Opening
from tandem.rollup.withdrawals import Withdrawal
from tandem.state.proof import Proof


def claim_arguments(claim: Claim) -> tuple[object, ...]:
    """The arguments of Rollup.createAssertion."""
    account = claim.message_passer
    record = (
        account.nonce,
        account.balance,
        account.code_hash,
        account.code_root,
        account.code_size,
        account.storage_root,
    )
    words = claim.header.encode()
    return (
        opening_arguments(claim.opening),
        [words[at : at + 32] for at in range(0, len(words), 32)],
        record,
        proof_arguments(claim.proof),
        list(claim.end_proof),
    )


def opening_arguments(opening: Opening) -> tuple[object, ...]:
    """An AssertionOpening as web3 encodes it."""
    state = opening.state
    fields = (state.block_hash, state.state_root, state.withdrawal_root, state.batches, state.messages)
    return (opening.parent_id, fields, opening.trace_root, opening.inbox_acc)


def proof_arguments(proof: Proof) -> tuple[object, ...]:
    """A SparseMerkleTree.Proof as web3 encodes it."""
    return (proof.bitmap, list(proof.siblings), proof.leaf_key, proof.leaf_value)


def withdrawal_arguments(withdrawal: Withdrawal) -> tuple[object, ...]:
    """A Withdrawal as web3 encodes it."""
    return (
        withdrawal.nonce,
        checksum(withdrawal.sender),
        checksum(withdrawal.target),
        withdrawal.value,
        withdrawal.gas_limit,
        withdrawal.data,
    )
