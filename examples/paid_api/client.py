"""A client that pays, from the released package `x402`: nothing in it knows of Tandem.

CLIENT_KEY=0x... python examples/paid_api/client.py URL TOKEN FOLDER [COUNT | refund]
"""

import asyncio
import os
import sys

from eth_account import Account
from x402 import x402Client
from x402.http.clients import x402HttpxClient
from x402.mechanisms.evm.batch_settlement.client import (
    BatchSettlementEvmScheme,
    BatchSettlementEvmSchemeOptions,
    FileChannelStorageOptions,
    FileClientChannelStorage,
)
from x402.mechanisms.evm.signers import EthAccountSignerWithRPC


async def pay(client: x402Client, url: str, count: int) -> None:
    """Ask so many times, and pay for each."""
    async with x402HttpxClient(client) as http:
        for _ in range(count):
            answer = await http.get(url)
            print(answer.status_code, answer.text)


def main(url: str, token: str, folder: str, what: str = "1") -> None:
    """`folder`: where it keeps what it has paid."""
    signer = EthAccountSignerWithRPC(
        Account.from_key(os.environ["CLIENT_KEY"]), os.environ.get("L2_URL", "http://127.0.0.1:8547")
    )
    storage = FileClientChannelStorage(FileChannelStorageOptions(directory=folder))
    scheme = BatchSettlementEvmScheme(signer, BatchSettlementEvmSchemeOptions(storage=storage))
    client = x402Client()
    client.register("eip155:*", scheme)
    client.set_spend_controls({"allowed_assets": [{"network": "eip155:*", "asset": token}]})
    if what == "refund":
        print(scheme.refund(url))
    else:
        asyncio.run(pay(client, url, int(what)))


if __name__ == "__main__":
    main(*sys.argv[1:])
