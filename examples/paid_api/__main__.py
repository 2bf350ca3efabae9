"""`python -m examples.paid_api`: the service's command line."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import click
import uvicorn
from eth_utils.address import is_address, to_checksum_address

from examples.paid_api.chain import Chain
from examples.paid_api.collecting import collect
from examples.paid_api.scheme import LEAST_DELAY, MOST_DELAY, Offer, Units
from examples.paid_api.service import Shop, make_app
from examples.paid_api.store import Store
from examples.paid_api.till import LOOKS, Till
from story.stage import DemoFailed, Layer
from tandem.chain.spec import Deployment
from tandem.errors import ConfigError, TandemError
from tandem.l1.contracts import connect
from tandem.l1.signer import load_signer
from tandem.logs import configure_logs
from tandem.primitives.types import Address, Seconds

TOKEN = Path(__file__).parent / "PaymentToken.json"
"""contracts/test/PaymentToken.sol"""
DEVELOPMENT_ACCOUNT = 9
"""Account of the development mnemonic that the service has where no key is given."""
TIMEOUT = Seconds(300)
"""How long a client's authorization of a deposit is good."""
GIFT = 10**12
"""Units of the development token that an account is given."""

Command = TypeVar("Command", bound=Callable[..., Any])


class AddressType(click.ParamType):
    """20 bytes, 0x-hex."""

    name = "address"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Address:
        """As bytes."""
        if not is_address(value):
            self.fail(f"{value!r} is no address", param, ctx)
        return Address(bytes.fromhex(str(value)[2:]))


def chain_options(command: Command) -> Command:
    """Where L2 is."""
    deployment = click.option(
        "--deployment", type=click.Path(path_type=Path), default=Path("devnet/deployment.json"), show_default=True
    )
    l2 = click.option("--l2", default="http://127.0.0.1:8547", show_default=True, help="JSON-RPC of L2.")
    return deployment(l2(command))


data_option = click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=Path("devnet/paid_api"),
    show_default=True,
    help="Folder of its database. It holds money: keep it.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """A service that sells facts about L2's blocks.

    Its key is TANDEM_PAID_API_KEY, or TANDEM_PAID_API_KEYSTORE with TANDEM_PAID_API_PASSWORD; on development chains
    account 9 of the development mnemonic.
    """


@main.command()
@chain_options
@click.argument("accounts", type=AddressType(), nargs=-1)
def token(deployment: Path, l2: str, accounts: tuple[Address, ...]) -> None:
    """Deploy a token to play with, give some to ACCOUNTS, print its address. Development chains only."""
    with _told():
        chain = Deployment.load(deployment)
        if not chain.is_development:
            raise ConfigError("anyone can mint this token: it is for development chains only")
        signer = load_signer("PAID_API", chain, DEVELOPMENT_ACCOUNT)
        layer = Layer("L2", connect(l2))
        contract, _ = layer.deploy(signer, TOKEN)
        for account in accounts:
            layer.call(signer, contract.functions.mint(to_checksum_address(account), GIFT))
        click.echo(contract.address)


@main.command()
@chain_options
@data_option
@click.option("--token", type=AddressType(), required=True, help="ERC-20 with EIP-3009 that is paid with.")
@click.option("--pay-to", type=AddressType(), help="Who is paid (default: the service's account).")
@click.option("--price", type=click.IntRange(1), default=1_000, show_default=True, help="Units a request.")
@click.option("--least-deposit", type=click.IntRange(1), default=10_000, show_default=True, help="Units.")
@click.option(
    "--withdraw-delay",
    type=click.IntRange(LEAST_DELAY, MOST_DELAY),
    default=86_400,
    show_default=True,
    help="Seconds that the service has to claim when a payer wants the money back.",
)
@click.option(
    "--collect-every",
    type=click.FloatRange(min=0),
    default=300.0,
    show_default=True,
    help="Seconds between claims; 0: none but by the command collect.",
)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(1, 65_535), default=8_402, show_default=True)
def serve(
    deployment: Path,
    l2: str,
    data: Path,
    token: Address,
    pay_to: Address | None,
    price: int,
    least_deposit: int,
    withdraw_delay: int,
    collect_every: float,
    host: str,
    port: int,
) -> None:
    """Sell until it is stopped."""
    configure_logs(False)
    with _told(), Store(_path(data)) as store:
        if collect_every > withdraw_delay / LOOKS:
            raise ConfigError(f"--collect-every is at most {withdraw_delay / LOOKS:g}: a payer could be quicker")
        chain = _chain(deployment, l2)
        name, version = chain.token_domain(token)
        offer = Offer(
            chain_id=chain.domain.chain_id,
            token=token,
            token_name=name,
            token_version=version,
            receiver=chain.address if pay_to is None else pay_to,
            authorizer=chain.address,
            price=Units(price),
            least_deposit=Units(least_deposit),
            withdraw_delay=Seconds(withdraw_delay),
            timeout=TIMEOUT,
        )
        app = make_app(Shop(Till(chain, store, offer), chain, store, collect_every))
        uvicorn.run(app, host=host, port=port, log_level="warning", timeout_graceful_shutdown=5)


@main.command("collect")
@chain_options
@data_option
def collect_now(deployment: Path, l2: str, data: Path) -> None:
    """Claim all that was charged and have it paid out. Also while the service runs."""
    configure_logs(False)
    with _told(), Store(_path(data)) as store:
        click.echo(json.dumps(asdict(collect(_chain(deployment, l2), store))))


def _path(data: Path) -> Path:
    return data / "channels.sqlite"


def _chain(deployment: Path, l2: str) -> Chain:
    known = Deployment.load(deployment)
    chain = Chain(l2, load_signer("PAID_API", known, DEVELOPMENT_ACCOUNT))
    if chain.domain.chain_id != known.parameters.chain_id:
        raise ConfigError(f"{l2} answers with chain id {chain.domain.chain_id}, not {known.parameters.chain_id}")
    chain.check()
    return chain


@contextmanager
def _told() -> Iterator[None]:
    """Expected failures are a line, and no traceback."""
    try:
        yield
    except (TandemError, DemoFailed) as error:
        click.echo(f"paid_api: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
