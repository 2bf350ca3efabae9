"""Which rules a chain executes by: the fork, and what Tandem adds to it or leaves out. A new fork is one more entry."""

from dataclasses import dataclass

from tandem.primitives.types import Gas
from tandem.transactions.transaction import ACCESS_LIST, BLOB, DYNAMIC_FEE, LEGACY, SET_CODE

TRANSACTION_GAS_CAP = Gas(2**24)
"""EIP-7825: every step of a transaction below it fits a proof in one L1 transaction."""


@dataclass(frozen=True, slots=True)
class Fork:
    """What differs between Ethereum's forks, from Cancun on."""

    name: str
    transaction_types: frozenset[int]
    calldata_floor: bool
    """EIP-7623: a transaction pays at least 10 gas per calldata token."""
    delegation: bool
    """EIP-7702: accounts may delegate to code; CALL follows the pointer."""
    bls_precompiles: bool
    """EIP-2537: precompiles 0x0b to 0x11."""
    max_blobs: int
    blob_fee_fraction: int
    """EIP-4844's BLOB_BASE_FEE_UPDATE_FRACTION (EIP-7691 for Prague)."""


CANCUN = Fork("Cancun", frozenset({LEGACY, ACCESS_LIST, DYNAMIC_FEE, BLOB}), False, False, False, 6, 3_338_477)
PRAGUE = Fork("Prague", CANCUN.transaction_types | {SET_CODE}, True, True, True, 9, 5_007_716)
FORKS = {fork.name: fork for fork in (CANCUN, PRAGUE)}


@dataclass(frozen=True, slots=True)
class PrecompileCaps:
    """Largest inputs of the precompiles whose proof grows with them, in bytes, rounds or gas (protocol.md, section 9).

    A proof of a precompile step is one call of L1's own precompile plus the reading of its input from the memory tree.
    The identity has no cap: its output is its input, and no byte of it is read.
    Above a cap the call fails as an exceptional halt: it consumes the gas given to it.
    """

    sha256: int = 65_536
    """2,048 words, as many bytes as a message from L1 may carry."""
    ripemd160: int = 65_536
    """As sha256; ten times its gas a word, 246k in all."""
    modexp_operand: int = 1_024
    """Length of each of base, exponent and modulus: 8,192 bits, twice the largest RSA key in use (EIP-7823's bound)."""
    modexp_gas: Gas = Gas(700_000)
    """By EIP-2565: 2,048 bits with an exponent as long cost 698,709. L1 may ask up to twelve times as much, 8.4M
    (EIP-7883); more than twelve times only for operands of up to 32 bytes, but then at most 258,032."""
    pairing: int = 28_800
    """150 pairs: 45,000 + 150 * 34,000 = 5.1M gas on L1, which leaves room to read the input and prove it. (300 pairs,
    OP Stack's figure after two reductions, are 10.2M for the precompile alone.)"""
    blake2_rounds: int = 65_536
    """BLAKE2b has 12 rounds. One call stays below 0.1M gas on L1, and the rounds in Python below a second."""
    bls: int = 57_600
    """EIP-2537's multi-scalar multiplications and pairing (Prague)."""


@dataclass(frozen=True, slots=True)
class Rules:
    """One chain's rules. The defaults are Tandem's; `ethereum` gives those of Ethereum itself."""

    fork: Fork
    chain_id: int
    data_gas_per_byte: int = 0
    """L1 gas a byte of a signed transaction costs (protocol.md, section 2); 0 switches the charge off."""
    transaction_gas_cap: Gas | None = TRANSACTION_GAS_CAP
    burn_base_fee: bool = False
    """Ethereum burns the base fee; Tandem pays it to the coinbase, the fee vault."""
    allow_unprotected: bool = False
    """Whether type 0 without a chain id is accepted (EIP-155)."""
    transaction_types: frozenset[int] = frozenset({LEGACY, ACCESS_LIST, DYNAMIC_FEE})
    """Signed types accepted. Blob transactions are refused on L2."""
    precompile_caps: PrecompileCaps | None = PrecompileCaps()


def ethereum(fork: Fork, chain_id: int = 1) -> Rules:
    """Ethereum's own rules, by which the official tests run."""
    return Rules(
        fork=fork,
        chain_id=chain_id,
        transaction_gas_cap=None,
        burn_base_fee=True,
        allow_unprotected=True,
        transaction_types=fork.transaction_types,
        precompile_caps=None,
    )


def blob_base_fee(fork: Fork, excess_blob_gas: int) -> int:
    """EIP-4844: 1 wei times e to the power (excess / fraction), by its integer series `fake_exponential`."""
    denominator = fork.blob_fee_fraction
    index, output, term = 1, 0, denominator
    while term > 0:
        output += term
        term = term * excess_blob_gas // (denominator * index)
        index += 1
    return output // denominator
