"""EIP-7702: accounts that point to code."""

from tandem.evm.world import World
from tandem.primitives.types import ZERO_ADDRESS
from tandem.transactions.transaction import Authorization

EXISTING_ACCOUNT_REFUND = 12_500
"""PER_EMPTY_ACCOUNT_COST less PER_AUTH_BASE_COST: each authorization was charged as if its account were new."""
MAX_NONCE = 2**64 - 1
DELEGATION_PREFIX = b"\xef\x01\x00"
"""What stands before the address that an account delegates to."""


def is_delegation(code: bytes) -> bool:
    """Whether this code is a pointer to other code."""
    return len(code) == 23 and code.startswith(DELEGATION_PREFIX)


def apply_authorizations(world: World, authorizations: tuple[Authorization, ...]) -> None:
    """Set the pointers of a type 4 transaction. One that does not hold is skipped; what is set stays if it fails."""
    for authorization in authorizations:
        authority = authorization.authority
        if authorization.chain_id not in (0, world.chain_id) or authorization.nonce >= MAX_NONCE or authority is None:
            continue
        world.mark_address_warm(authority)
        code = world.get_code(authority)
        if (code and not is_delegation(code)) or world.get_nonce(authority) != authorization.nonce:
            continue
        if world.account_exists(authority):
            world.refund += EXISTING_ACCOUNT_REFUND
        pointer = authorization.address != ZERO_ADDRESS
        world.set_code(authority, DELEGATION_PREFIX + authorization.address if pointer else b"")
        world.increment_nonce(authority)
