"""A released x402 client pays the service of examples/paid_api on L2: as it is, over crashes on both sides."""

import asyncio
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

import httpx
import pytest
from eth_account.signers.local import LocalAccount
from web3.contract import Contract
from x402 import x402Client
from x402.http import x402HTTPClient
from x402.http.clients import x402HttpxClient
from x402.http.clients.httpx import PaymentError
from x402.mechanisms.evm.batch_settlement.client import (
    BatchSettlementEvmScheme,
    BatchSettlementEvmSchemeOptions,
    RefundOptions,
)
from x402.mechanisms.evm.signers import EthAccountSigner, EthAccountSignerWithRPC

from examples.paid_api.scheme import COLLECTOR, SETTLEMENT, Payment
from examples.paid_api.store import Record, Store
from examples.paid_api.wire import decode_payment
from localnet import LocalNet, Ports
from localnet.network import ROOT, START_TIMEOUT
from localnet.ports import free_ports
from localnet.process import Child
from story.stage import ETHER
from tandem.l1.contracts import abi, checksum
from tests.support.network import USERS, Harness
from tests.support.paid_api import CAPTURED

pytestmark = pytest.mark.e2e
PRICE, LEAST_DEPOSIT = 1_000, 15_000
SERVICE, PAYER, IMPATIENT, FORGETFUL, UNLUCKY = USERS[:5]
PLENTY = 10**12
"""Units that the command `token` gives to each."""
TOKEN = ROOT / "examples" / "paid_api" / "PaymentToken.json"
CLIENT = ROOT / "examples" / "paid_api" / "client.py"
OWN = {"PYTHONPATH": str(ROOT), "TANDEM_PAID_API_KEY": SERVICE.key.to_0x_hex()}
"""Environment of the service's processes."""
RECEIVER = "0x000000000000000000000000000000000000bEEF"


@dataclass
class Shop:
    """The service as a process, its token, and the contract."""

    net: LocalNet
    token: Contract
    settlement: Contract
    port: int
    child: Child | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def data(self) -> Path:
        return self.net.folder / "paid_api"

    def start(self) -> None:
        """Also again."""
        arguments = command(self.net, "serve", "--data", str(self.data), "--token", self.token.address)
        arguments += ["--pay-to", RECEIVER, "--price", str(PRICE), "--least-deposit", str(LEAST_DEPOSIT)]
        arguments += ["--collect-every", "0", "--port", str(self.port)]
        log = self.net.folder / "logs" / "paid_api.log"
        self.child = self.net.children["paid_api"] = Child("paid_api", arguments, log, OWN)
        self.child.wait_until(self.answers, START_TIMEOUT)

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(self.url, timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def kill(self) -> None:
        """kill -9."""
        self.net.kill("paid_api")

    def collect(self) -> dict[str, int]:
        """By the command, beside the running service."""
        return dict(json.loads(run(command(self.net, "collect", "--data", str(self.data)), OWN)))

    def records(self) -> list[Record]:
        """What it has on its disk."""
        with Store(self.data / "channels.sqlite") as store:
            return list(store.all())

    def record(self, payer: LocalAccount = PAYER) -> Record:
        """Of the one channel that somebody has."""
        [found] = [each for each in self.records() if checksum(each.config.payer) == payer.address]
        return found

    def on_chain(self, payer: LocalAccount = PAYER) -> tuple[int, int]:
        """Balance and what was claimed of it."""
        balance, claimed = self.settlement.functions.channels(self.record(payer).id).call()
        return balance, claimed

    def has(self, address: str) -> int:
        """Of the token."""
        return int(self.token.functions.balanceOf(address).call())

    def client(self, account: LocalAccount, *, with_rpc: bool = True) -> tuple[x402Client, BatchSettlementEvmScheme]:
        """A released one that remembers nothing of before."""
        signer = EthAccountSignerWithRPC(account, self.net.l2_url) if with_rpc else EthAccountSigner(account)
        scheme = BatchSettlementEvmScheme(signer, BatchSettlementEvmSchemeOptions())
        client = x402Client()
        client.register("eip155:*", scheme)
        client.set_spend_controls({"allowed_assets": [{"network": "eip155:*", "asset": self.token.address}]})
        return client, scheme

    def pay(self, client: x402Client, *numbers: int) -> list[httpx.Response]:
        """Buy facts about these blocks."""

        async def ask() -> list[httpx.Response]:
            async with x402HttpxClient(client, timeout=30) as http:
                return [await http.get(f"{self.url}/blocks/{number}") for number in numbers]

        return asyncio.run(ask())


def command(net: LocalNet, name: str, *arguments: str) -> list[str]:
    """One of the service's."""
    chain = ["--deployment", str(net.deployment_path), "--l2", net.l2_url]
    return [sys.executable, "-m", "examples.paid_api", name, *chain, *arguments]


def run(arguments: list[str], own: dict[str, str]) -> str:
    """What a command prints."""
    done = subprocess.run(arguments, env={**os.environ, **own}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with LocalNet(tmp_path_factory.mktemp("net"), Ports.free()) as net:
        net.start_l1()
        net.deploy()
        net.start_sequencer()
        harness = Harness(net)
        harness.deposit(SERVICE, ETHER)
        eth = harness.l2.web3.eth
        settlement = eth.contract(address=checksum(SETTLEMENT), abi=abi("BatchSettlement"))
        payers = [payer.address for payer in (PAYER, IMPATIENT, FORGETFUL, UNLUCKY)]
        address = run(command(net, "token", *payers), OWN).strip()
        token = eth.contract(address=checksum(bytes.fromhex(address[2:])), abi=json.loads(TOKEN.read_text())["abi"])
        running = Shop(net, token, settlement, free_ports(1)[0])
        running.start()
        yield running


def run_client(shop: Shop, folder: Path, what: str) -> list[str]:
    """examples/paid_api/client.py, a process of its own. What it has printed."""
    arguments = [f"{shop.url}/blocks/0", shop.token.address, str(folder), what]
    own = {"CLIENT_KEY": PAYER.key.to_0x_hex(), "L2_URL": shop.net.l2_url}
    return run([sys.executable, str(CLIENT), *arguments], own).splitlines()


def test_the_contract_on_l2_names_channels_as_clients_do(shop: Shop) -> None:
    """tests/support/paid_api.py has what one has sent on a chain with this id."""
    assert Harness(shop.net).l2.chain_id == 42069
    channel = list(CAPTURED["payload"]["channelConfig"].values())
    name = shop.settlement.functions.getChannelId(tuple(channel)).call()
    assert "0x" + name.hex() == CAPTURED["payload"]["voucher"]["channelId"]


def test_twenty_requests_over_restarts_of_both_and_what_becomes_of_the_money(shop: Shop, tmp_path: Path) -> None:
    genesis = Harness(shop.net).l2.web3.eth.get_block(0)["hash"].to_0x_hex()
    answers = run_client(shop, tmp_path, "8")
    shop.kill()
    assert shop.record().charged == 8 * PRICE, "it is on the disk before it is answered"
    shop.start()
    answers += run_client(shop, tmp_path, "12")
    assert [answer.split(" ", 1)[0] for answer in answers] == ["200"] * 20
    assert {json.loads(answer.split(" ", 1)[1])["hash"] for answer in answers} == {genesis}
    assert shop.record().charged == 20 * PRICE
    assert shop.on_chain() == (2 * LEAST_DEPOSIT, 0), "a deposit, and one more when it was used up"

    assert shop.collect() == {"channels": 1, "claimed": 20 * PRICE, "settled": 20 * PRICE}
    assert shop.on_chain() == (2 * LEAST_DEPOSIT, 20 * PRICE)
    assert shop.has(RECEIVER) == 20 * PRICE
    assert shop.collect() == {"channels": 0, "claimed": 0, "settled": 0}

    run_client(shop, tmp_path, "3")
    assert "success=True" in run_client(shop, tmp_path, "refund")[0]
    assert shop.on_chain() == (23 * PRICE, 23 * PRICE)
    assert shop.has(PAYER.address) == PLENTY - 23 * PRICE
    assert run_client(shop, tmp_path, "1")[0].startswith("200"), "and it goes on in the same channel"
    assert shop.on_chain() == (23 * PRICE + LEAST_DEPOSIT, 23 * PRICE)


class Customer(Thread):
    """Buys again and again, and does not give up before it has its answer."""

    def __init__(self, shop: Shop, client: x402Client) -> None:
        super().__init__(daemon=True)
        self.shop = shop
        self.client = client
        self.answers: list[int] = []
        self.disturbed = 0
        self.stopping = Event()

    def run(self) -> None:
        while not self.stopping.is_set():
            number = len(self.answers) % 3
            try:
                [answer] = self.shop.pay(self.client, number)
            except (httpx.HTTPError, PaymentError):
                self.disturbed += 1
                time.sleep(0.02)
                continue
            if answer.status_code == 200:
                self.answers.append(answer.json()["number"])

    def wait_for(self, count: int) -> None:
        """So many answers."""
        until = time.monotonic() + 60
        while len(self.answers) < count:
            assert time.monotonic() < until, f"{len(self.answers)} answers"
            time.sleep(0.002)


def test_kill_9_amid_requests_loses_no_sale_and_charges_none_twice(shop: Shop) -> None:
    client, _ = shop.client(IMPATIENT)
    customer = Customer(shop, client)
    customer.start()
    for count in (0, 5, 14, 16, 25):  # amid the first deposit, amid vouchers, amid the deposit that follows them
        customer.wait_for(count)
        time.sleep(count * 0.0007)
        shop.kill()
        shop.start()
    customer.wait_for(35)
    customer.stopping.set()
    customer.join(30)
    assert customer.disturbed, "some answers got lost"
    assert customer.answers == [number % 3 for number in range(len(customer.answers))]
    assert shop.record(IMPATIENT).charged == len(customer.answers) * PRICE
    shop.collect()
    assert shop.on_chain(IMPATIENT)[1] == len(customer.answers) * PRICE
    assert shop.has(RECEIVER) == sum(record.charged for record in shop.records())


def test_an_answer_that_got_lost_is_given_again(shop: Shop) -> None:
    """The same voucher for the same thing: the client has not had it. For anything else it is worth nothing."""
    client, _ = shop.client(FORGETFUL)
    by_hand = x402HTTPClient(client)
    url = f"{shop.url}/blocks/1"
    shop.pay(client, 2)
    asked = by_hand.get_payment_required_response(httpx.get(url).headers.get)
    payment = asyncio.run(client.create_payment_payload(asked))
    headers = by_hand.encode_payment_signature_header(payment)
    first = httpx.get(url, headers=headers)
    shop.kill()
    shop.start()
    again = httpx.get(url, headers=headers)
    assert first.status_code == again.status_code == 200
    assert first.content == again.content
    assert first.headers["payment-response"] == again.headers["payment-response"]
    assert shop.record(FORGETFUL).charged == 2 * PRICE
    other = httpx.get(f"{shop.url}/blocks/2", headers=headers)
    assert (other.status_code, shop.record(FORGETFUL).charged) == (402, 2 * PRICE)


def test_a_client_that_has_forgotten_all_is_told(shop: Shop) -> None:
    """Of what it has signed, and it asks the chain for the rest."""
    charged = shop.record(FORGETFUL).charged
    client, scheme = shop.client(FORGETFUL)
    assert [answer.status_code for answer in shop.pay(client, 0, 0)] == [200, 200]
    charged += 2 * PRICE
    assert shop.record(FORGETFUL).charged == charged
    with pytest.raises(RuntimeError, match="refund_amount_invalid"):
        scheme.refund(f"{shop.url}/blocks/0", RefundOptions(amount="500"))
    assert scheme.refund(f"{shop.url}/blocks/0").amount == str(LEAST_DEPOSIT - charged)
    assert shop.on_chain(FORGETFUL) == (charged, charged)


def test_a_deposit_that_is_in_already_is_not_made_again(shop: Shop) -> None:
    """As after a kill between deposit and charge: here the client's own authorization was brought by somebody else."""
    client, _ = shop.client(UNLUCKY)
    by_hand = x402HTTPClient(client)
    url = f"{shop.url}/blocks/1"
    asked = by_hand.get_payment_required_response(httpx.get(url).headers.get)
    headers = by_hand.encode_payment_signature_header(asyncio.run(client.create_payment_payload(asked)))
    payment = decode_payment(headers["PAYMENT-SIGNATURE"])
    assert isinstance(payment, Payment)
    assert payment.deposit is not None
    arguments = (payment.config.abi, payment.deposit.amount, checksum(COLLECTOR), payment.deposit.collector_data)
    Harness(shop.net).l2.call(SERVICE, shop.settlement.functions.deposit(*arguments))
    answers = [httpx.get(url, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200], answers[0].text
    assert (shop.record(UNLUCKY).charged, shop.on_chain(UNLUCKY)[0]) == (PRICE, payment.deposit.amount)
    assert [answer.status_code for answer in shop.pay(client, 2)] == [200], "and the client goes on"


def test_what_is_not_there_costs_nothing(shop: Shop) -> None:
    charged = shop.record(FORGETFUL).charged
    client, _ = shop.client(FORGETFUL)
    assert [answer.status_code for answer in shop.pay(client, 10**15, 10**30)] == [404, 404]
    assert shop.record(FORGETFUL).charged == charged
    assert shop.pay(client, 0)[0].status_code == 200


def test_who_has_no_money_gets_nothing(shop: Shop) -> None:
    client, _ = shop.client(USERS[5], with_rpc=False)
    [answer] = shop.pay(client, 0)
    assert answer.status_code == 402
    assert answer.json()["error"] == "invalid_batch_settlement_evm_deposit_simulation_failed"


def test_a_payer_who_asks_for_the_money_is_claimed_of_at_once(shop: Shop) -> None:
    """What was sold before is safe, and nothing is sold any more. We use up the money: then the service looks."""
    record = shop.record(FORGETFUL)
    harness = Harness(shop.net)
    harness.deposit(FORGETFUL, ETHER)
    client, _ = shop.client(FORGETFUL)
    left = (record.chain.balance - record.charged) // PRICE
    assert {answer.status_code for answer in shop.pay(client, *[1] * left)} == {200}
    harness.l2.call(FORGETFUL, shop.settlement.functions.initiateWithdraw(record.config.abi, 1))
    [answer] = shop.pay(client, 0)
    assert answer.status_code == 402
    assert answer.json()["error"] == "invalid_batch_settlement_evm_withdrawal_pending"
    assert shop.on_chain(FORGETFUL)[1] == shop.record(FORGETFUL).charged
