"""L2 as the service needs it: what BatchSettlement says of channels, and the service's transactions to it."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Event
from typing import Any

from eth_account.signers.local import LocalAccount
from web3.contract.contract import ContractFunction
from web3.exceptions import BlockNotFound, ContractCustomError, ContractLogicError

from examples.paid_api.errors import ChainFailed, NotSold, Rejected
from examples.paid_api.scheme import (
    COLLECTOR,
    SETTLEMENT,
    ChannelConfig,
    Claim,
    Deposit,
    Domain,
    Units,
)
from examples.paid_api.store import OnChain
from tandem.channels.signing import sign_digest
from tandem.errors import ConfigError
from tandem.l1.contracts import NO_ANSWER, NONSENSE, abi, checksum, connect, explain
from tandem.l1.sender import L1Sender, NonceTaken, Reverted, SendFailure
from tandem.primitives.types import Address, Hash, Seconds

MOST_CLAIMS = 100
"""In one transaction: each costs about 40,000 gas."""
EIP_5267 = [
    {
        "type": "function",
        "name": "eip712Domain",
        "stateMutability": "view",
        "inputs": [],
        "outputs": [
            {"name": name, "type": kind}
            for name, kind in (
                ("fields", "bytes1"),
                ("name", "string"),
                ("version", "string"),
                ("chainId", "uint256"),
                ("verifyingContract", "address"),
                ("salt", "bytes32"),
                ("extensions", "uint256[]"),
            )
        ],
    }
]


class Chain:
    """L2, with the service's account. Thread-safe."""

    def __init__(self, url: str, account: LocalAccount) -> None:
        self._web3 = connect(url)
        self._contract = self._web3.eth.contract(address=checksum(SETTLEMENT), abi=abi("BatchSettlement"))
        self._account = account
        self._sender = L1Sender(self._web3, account, Event())
        with _answering():
            self.domain = Domain(self._web3.eth.chain_id)

    @property
    def address(self) -> Address:
        """Of the service's account."""
        return Address(bytes.fromhex(self._account.address[2:]))

    def check(self) -> None:
        """ConfigError where x402's contracts are not there."""
        for name, address in (("BatchSettlement", SETTLEMENT), ("Erc3009Collector", COLLECTOR)):
            with _answering():
                code = self._web3.eth.get_code(checksum(address))
            if not code:
                raise ConfigError(f"there is no {name} at {checksum(address)}: this chain has another genesis")

    def token_domain(self, token: Address) -> tuple[str, str]:
        """Name and version of a token's EIP-712 domain, as it says itself (EIP-5267). ConfigError where it does not."""
        contract = self._web3.eth.contract(address=checksum(token), abi=EIP_5267)
        try:
            with _answering():
                _, name, version, *_ = contract.functions.eip712Domain().call()
        except ChainFailed as reason:
            raise ConfigError(f"{checksum(token)} tells no EIP-712 domain (EIP-5267): {reason}") from reason
        return name, version

    # -- what it says

    def channel(self, channel_id: Hash) -> OnChain:
        """As of its newest block. ChainFailed."""
        functions = self._contract.functions
        with _answering():
            balance, claimed = functions.channels(channel_id).call()
            _, since = functions.pendingWithdrawals(channel_id).call()
            nonce = functions.refundNonce(channel_id).call()
        return OnChain(Units(balance), Units(claimed), Seconds(since), nonce, time.time())

    def final_claimed(self, channel_id: Hash) -> Units:
        """What was claimed as of a block that stays. ChainFailed."""
        with _answering():
            _, claimed = self._contract.functions.channels(channel_id).call(block_identifier="finalized")
        return Units(claimed)

    def unsettled(self, receiver: Address, token: Address) -> Units:
        """What a receiver has claimed and was not paid yet. ChainFailed."""
        with _answering():
            claimed, settled = self._contract.functions.receivers(checksum(receiver), checksum(token)).call()
        return Units(claimed - settled)

    def block_facts(self, number: int) -> dict[str, Any]:
        """What is sold. NotSold, ChainFailed."""
        with _answering():
            block: Any = self._web3.eth.get_block(number)
        return {
            "number": block["number"],
            "hash": block["hash"].to_0x_hex(),
            "timestamp": block["timestamp"],
            "transactions": len(block["transactions"]),
            "gasUsed": block["gasUsed"],
            "baseFeePerGas": block["baseFeePerGas"],
        }

    # -- what it would say to a transaction of ours: Rejected where it would refuse

    def try_deposit(self, config: ChannelConfig, deposit: Deposit) -> None:
        """For nothing, and as things are now."""
        self._try(self._deposit(config, deposit))

    def try_refund(self, config: ChannelConfig, claims: Sequence[Claim], amount: Units) -> None:
        """The same, and before anything is signed: our account may claim and refund by itself."""
        encode = self._contract.encode_abi
        calls = [encode("claim", (self._rows(claims),))] if claims else []
        calls.append(encode("refund", (config.abi, amount)))
        self._try(self._contract.functions.multicall(calls))

    # -- what the service does; each returns the transaction's hash

    def deposit(self, config: ChannelConfig, deposit: Deposit) -> str:
        """Bring a client's authorization. Rejected, and mostly before it was sent, where it is not good."""
        return self._send(self._deposit(config, deposit))

    def claim(self, claims: Sequence[Claim]) -> str:
        """At most MOST_CLAIMS."""
        return self._send(self._contract.functions.claimWithSignature(*self._signed(claims)))

    def settle(self, receiver: Address, token: Address) -> str:
        """Pay the receiver all that was claimed."""
        return self._send(self._contract.functions.settle(checksum(receiver), checksum(token)))

    def refund(self, config: ChannelConfig, claims: Sequence[Claim], nonce: int, amount: Units) -> str:
        """Claim what was charged and give back in one transaction."""
        signature = self._sign(self.domain.refund(self.domain.channel_id(config), nonce, amount))
        encode = self._contract.encode_abi
        calls = [encode("claimWithSignature", self._signed(claims))] if claims else []
        calls.append(encode("refundWithSignature", (config.abi, amount, nonce, signature)))
        return self._send(self._contract.functions.multicall(calls))

    def _deposit(self, config: ChannelConfig, deposit: Deposit) -> ContractFunction:
        arguments = (config.abi, deposit.amount, checksum(COLLECTOR), deposit.collector_data)
        return self._contract.functions.deposit(*arguments)

    def _rows(self, claims: Sequence[Claim]) -> list[Any]:
        return [((claim.config.abi, claim.most), claim.signature, claim.total) for claim in claims]

    def _signed(self, claims: Sequence[Claim]) -> tuple[list[Any], bytes]:
        """Arguments of claimWithSignature."""
        return self._rows(claims), self._sign(self.domain.claims(claims))

    def _sign(self, digest: Hash) -> bytes:
        return sign_digest(digest, bytes(self._account.key))

    def _try(self, call: ContractFunction) -> None:
        with _answering():
            call.call({"from": self._account.address})

    def _send(self, call: ContractFunction) -> str:
        with _answering():
            receipt = self._sender.send(call)
        return str(receipt["transactionHash"].to_0x_hex())


@contextmanager
def _answering() -> Iterator[None]:
    """Whatever keeps L2 from doing what it was asked for is a ChainFailed."""
    try:
        yield
    except BlockNotFound as reason:
        raise NotSold(str(reason)) from reason
    except (Reverted, ContractLogicError, ContractCustomError) as reason:
        raise Rejected(explain(reason)) from reason
    except NonceTaken as reason:
        raise ChainFailed(f"another program sends by our account, and was first: ask again ({reason})") from reason
    except NONSENSE as reason:
        raise ChainFailed(f"L2's answer makes no sense: {reason!r}") from reason
    except (SendFailure, *NO_ANSWER) as reason:
        raise ChainFailed(str(reason)) from reason
