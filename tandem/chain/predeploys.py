"""The genesis state: Tandem's predeploys, x402's, and the deterministic deployment proxy (protocol.md, section 8)."""

from collections.abc import Mapping
from types import MappingProxyType

from tandem.chain.spec import FEE_VAULT, L1_INFO, MESSAGE_PASSER, TOKEN_FACTORY, GenesisAccount
from tandem.primitives.types import Address

CREATE2_DEPLOYER = Address(bytes.fromhex("4e59b44847b379578588920ca78fbf26c0b4956c"))
CREATE2_DEPLOYER_CODE = bytes.fromhex(
    "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe0"
    "3601600081602082378035828234f58015156039578182fd5b8082525050506014600cf3"
)
"""Runtime code of Arachnid's deterministic-deployment-proxy, as on every Ethereum chain."""

PREDEPLOYS = {
    "MessagePasser": MESSAGE_PASSER,
    "TokenFactory": TOKEN_FACTORY,
    "L1Info": L1_INFO,
    "FeeVault": FEE_VAULT,
}
"""Contract name -> address. Their runtime codes come from the compiled sources."""

X402 = {
    "BatchSettlement": Address(bytes.fromhex("4020074e9df2ce1dee5a9c1b5c3f541d02a10003")),
    "Erc3009Collector": Address(bytes.fromhex("4020806089470a89826cb9fb1f4059150b550004")),
}
"""The same, of the contracts that x402 clients pay through (contracts/x402). The addresses are those that x402 has
published for its scheme `batch-settlement`: clients have them built in. CREATE2 made them from other code than ours, so
genesis alone can put it there.
"""


def genesis_accounts(
    codes: Mapping[str, bytes],
    token_bridge: Address,
    fee_recipient: Address,
    others: Mapping[Address, bytes] = MappingProxyType({}),
) -> dict[Address, GenesisAccount]:
    """The accounts of the genesis state.

    `codes`: runtime code of each predeploy. `token_bridge`: the L1 contract whose deposits the token factory honours.
    `fee_recipient`: the L1 account that the fee vault pays. `others`: runtime code of contracts without storage, for
    example those that stand at the same address on L1 (tandem.chain.deterministic).
    """
    storage = {
        "TokenFactory": ((0, int.from_bytes(token_bridge, "big")),),
        "FeeVault": ((0, int.from_bytes(fee_recipient, "big")),),
    }
    accounts = {
        address: GenesisAccount(nonce=1, code=codes[name], storage=storage.get(name, ()))
        for name, address in PREDEPLOYS.items()
    }
    accounts |= {address: GenesisAccount(nonce=1, code=code) for address, code in others.items()}
    accounts[CREATE2_DEPLOYER] = GenesisAccount(nonce=1, code=CREATE2_DEPLOYER_CODE)
    return accounts
