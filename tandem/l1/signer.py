"""Keys of daemons: from the environment or an eth-account keystore file, never from a command line.

Development keys (anvil's and ape's default mnemonic) are refused on any chain that is not a development chain.
"""

import json
import os
from pathlib import Path

from eth_account import Account
from eth_account.signers.local import LocalAccount

from tandem.chain.spec import Deployment
from tandem.errors import ConfigError

DEVELOPMENT_MNEMONIC = "test test test test test test test test test test test junk"


def development_account(index: int) -> LocalAccount:
    """Account `index` of the mnemonic that anvil, Hardhat and ape share."""
    Account.enable_unaudited_hdwallet_features()
    account: LocalAccount = Account.from_mnemonic(DEVELOPMENT_MNEMONIC, account_path=f"m/44'/60'/0'/0/{index}")
    return account


def load_signer(role: str, deployment: Deployment, development_index: int) -> LocalAccount:
    """The key of `role`, for example SEQUENCER. In order:

    TANDEM_<role>_KEY (hex), TANDEM_<role>_KEYSTORE (a file) with TANDEM_<role>_PASSWORD, and on development chains
    account `development_index` of the development mnemonic. ConfigError where none is there.
    """
    key = os.environ.get(f"TANDEM_{role}_KEY")
    keystore = os.environ.get(f"TANDEM_{role}_KEYSTORE")
    if key is not None:
        account: LocalAccount = Account.from_key(_parse_key(role, key))
    elif keystore is not None:
        account = Account.from_key(_unlock(role, Path(keystore)))
    elif deployment.is_development:
        return development_account(development_index)
    else:
        raise ConfigError(
            f"no key for {role.lower()}: set TANDEM_{role}_KEY, or TANDEM_{role}_KEYSTORE and its password"
        )
    known = {development_account(index).address for index in range(10)}
    if account.address in known and not deployment.is_development:
        raise ConfigError(f"the {role.lower()}'s key is a public development key: anyone can take what it owns")
    return account


def _parse_key(role: str, key: str) -> bytes:
    try:
        secret = bytes.fromhex(key.removeprefix("0x"))
    except ValueError:
        secret = b""
    if len(secret) != 32:
        raise ConfigError(f"TANDEM_{role}_KEY is not a private key: 64 hexadecimal digits are expected")
    return secret


def _unlock(role: str, path: Path) -> bytes:
    password = os.environ.get(f"TANDEM_{role}_PASSWORD", "")
    try:
        return bytes(Account.decrypt(json.loads(path.read_text()), password))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"keystore {path} cannot be opened: {error} (the password is TANDEM_{role}_PASSWORD)"
        ) from error
