"""Bytes and gas on L1 per L2 transaction in full batches, and what the EIP-7623 floor makes of them."""

from dataclasses import dataclass

from hexbytes import HexBytes

from tandem.batch.packed import unpack
from tandem.batch.payload import decode_batch
from tandem.errors import EncodingError
from tandem.l1.contracts import L1
from tandem.store import ChainStore

ZERO_GAS, NONZERO_GAS = 4, 16
"""EIP-2028: calldata gas."""
FLOOR_ZERO_GAS, FLOOR_NONZERO_GAS = 10, 40
"""EIP-7623: what calldata costs at least, where the transaction does little else."""


@dataclass(frozen=True, slots=True)
class Footprint:
    """What the fullest batch of one kind of transfer costs on L1."""

    kind: str
    transactions: int
    data_bytes: int
    l1_gas: int
    """As charged, EIP-7623 included."""
    standard_gas: int
    """Calldata gas without the floor."""
    floor_gas: int
    """Calldata gas at the floor."""


def measure(store: ChainStore, l1: L1, chain_id: int) -> list[Footprint]:
    """The fullest batch of ETH transfers alone, and that of token transfers alone."""
    best: dict[str, Footprint] = {}
    with store.read() as session:
        for index in range(session.batch_count()):
            record = session.batch(index)
            data = record.queued.data
            kinds = _kinds(data, chain_id)
            if len(set(kinds)) != 1:
                continue
            kind = kinds[0]
            zeros = data.count(0)
            receipt = l1.web3.eth.get_transaction_receipt(HexBytes(record.place.transaction))
            found = Footprint(
                kind,
                len(kinds),
                len(data),
                receipt["gasUsed"],
                zeros * ZERO_GAS + (len(data) - zeros) * NONZERO_GAS,
                zeros * FLOOR_ZERO_GAS + (len(data) - zeros) * FLOOR_NONZERO_GAS,
            )
            if kind not in best or found.transactions > best[kind].transactions:
                best[kind] = found
    return list(best.values())


def _kinds(data: bytes, chain_id: int) -> list[str]:
    try:
        blocks = decode_batch(data)
        unpacked = [unpack(item, chain_id) for block in blocks for item in block.transactions]
    except EncodingError:
        return []
    return ["ERC-20 transfer" if item.data else "ETH transfer" for item in unpacked]
