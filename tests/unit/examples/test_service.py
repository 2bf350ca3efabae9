"""The service of examples/paid_api over HTTP."""

from __future__ import annotations

import ast
import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import pytest
from eth_utils.address import to_checksum_address

from examples import paid_api
from examples.paid_api.collecting import collect
from examples.paid_api.errors import ChainFailed
from examples.paid_api.scheme import ChannelConfig, Claim, Units
from examples.paid_api.service import Shop, make_app
from examples.paid_api.store import Store
from examples.paid_api.till import Till
from tandem.primitives.types import Hash
from tests.support.paid_api import (
    CAPTURED,
    CONFIG,
    DELAY,
    DEPOSIT,
    OFFER,
    PRICE,
    RESOURCE,
    ToyChain,
    header,
    payment,
    told,
)


@dataclass
class Web:
    """Asks an application in this process."""

    app: Any

    def get(self, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        async def ask() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://shop") as client:
                return await client.get(path, headers=headers)

        return asyncio.run(ask())


@pytest.fixture
def chain() -> ToyChain:
    return ToyChain()


@pytest.fixture
def web(chain: ToyChain, tmp_path: Path) -> Iterator[Web]:
    with Store(tmp_path / "channels.sqlite") as store:
        till = Till(chain, store, OFFER)  # type: ignore[arg-type]
        yield Web(make_app(Shop(till, chain, store, 0)))  # type: ignore[arg-type]


def paid(
    most: int, deposit: int | None = None, *, kind: str = "voucher", config: ChannelConfig = CONFIG
) -> dict[str, str]:
    """The header of a payment."""
    content = json.loads(json.dumps(CAPTURED)) | {"accepted": OFFER.json}
    made, payload = payment(most, deposit, config=config), content["payload"]
    names = ("payer", "payerAuthorizer", "receiver", "receiverAuthorizer", "token")
    payload["channelConfig"] = dict(zip(names, map(to_checksum_address, made.config.parties), strict=True))
    payload["channelConfig"] |= {"withdrawDelay": DELAY, "salt": "0x" + made.config.salt.hex()}
    payload["voucher"] = {
        "channelId": "0x" + made.channel_id.hex(),
        "maxClaimableAmount": str(most),
        "signature": "0x" + made.signature.hex(),
    }
    payload["type"] = kind if deposit is None else "deposit"
    payload["deposit"]["amount"] = str(deposit or 0)
    payload["deposit"]["authorization"]["erc3009Authorization"]["validBefore"] = str(2**40)
    return {"PAYMENT-SIGNATURE": header(content)}


def test_asks_to_be_paid(web: Web) -> None:
    answer = web.get("/blocks/1")
    assert answer.status_code == 402
    asked = told(answer.headers["PAYMENT-REQUIRED"])
    assert (asked["x402Version"], asked["accepts"]) == (2, [OFFER.json])
    assert asked["resource"]["url"].endswith("/blocks/1")


def test_sells(web: Web) -> None:
    answer = web.get("/blocks/1", headers=paid(PRICE, DEPOSIT))
    assert (answer.status_code, answer.json()) == (200, {"number": 1})
    assert told(answer.headers["PAYMENT-RESPONSE"])["success"] is True


def test_tells_who_is_out_of_step(web: Web) -> None:
    web.get("/blocks/1", headers=paid(PRICE, DEPOSIT))
    answer = web.get("/blocks/2", headers=paid(PRICE))
    extra = told(answer.headers["PAYMENT-REQUIRED"])["accepts"][0]["extra"]
    assert extra["channelState"]["chargedCumulativeAmount"] == extra["voucherState"]["signedMaxClaimable"] == "10"
    assert answer.json()["error"] == "invalid_batch_settlement_evm_cumulative_amount_mismatch"


def test_other_failures(web: Web, chain: ToyChain) -> None:
    assert web.get("/blocks/1", headers={"PAYMENT-SIGNATURE": "?"}).status_code == 400
    assert web.get("/blocks/9", headers=paid(PRICE, DEPOSIT)).status_code == 404
    assert web.get(f"/blocks/{10**30}", headers=paid(PRICE, DEPOSIT)).status_code == 404
    assert web.get("/blocks/x").status_code == 404
    chain.failure = ChainFailed("no answer")
    answer = web.get("/blocks/1", headers=paid(PRICE, DEPOSIT))
    assert (answer.status_code, answer.json()["error"]) == (502, "ChainFailed")
    assert web.get("/").json()["offer"] == OFFER.json


def test_a_number_of_thousands_of_digits(web: Web) -> None:
    assert web.get("/blocks/" + "9" * 5_000, headers=paid(PRICE, DEPOSIT)).status_code == 404


def test_nothing_is_sold_where_nothing_is_collected(web: Web, chain: ToyChain, tmp_path: Path) -> None:
    """Until it is, by whatever program."""
    with Store(tmp_path / "channels.sqlite") as store:
        store.collected_at = time.time() - DELAY / 2 - 1
        answer = web.get("/blocks/1", headers=paid(PRICE, DEPOSIT))
        assert (answer.status_code, answer.json()["error"]) == (503, "NotCollected")
        collect(chain, store)  # type: ignore[arg-type]
    assert web.get("/blocks/1", headers=paid(PRICE, DEPOSIT)).status_code == 200


class Stuck(ToyChain):
    """Refunds wait, as for a receipt."""

    def __init__(self) -> None:
        super().__init__()
        self.go = Event()

    def refund(self, config: ChannelConfig, claims: Sequence[Claim], nonce: int, amount: Units) -> str:
        self.go.wait(60)
        return super().refund(config, claims, nonce, amount)


def test_who_waits_for_transactions_leaves_threads_to_vouchers(tmp_path: Path) -> None:
    chain = Stuck()
    with Store(tmp_path / "channels.sqlite") as store:
        till = Till(chain, store, OFFER)  # type: ignore[arg-type]
        app = make_app(Shop(till, chain, store, 0))  # type: ignore[arg-type]
        configs = [replace(CONFIG, salt=Hash(number.to_bytes(32, "big"))) for number in range(60)]
        for config in configs:
            till.sell(payment(PRICE, DEPOSIT, config=config), RESOURCE, lambda: "{}")
        till.sell(payment(PRICE, DEPOSIT, config=(quick := replace(CONFIG, salt=Hash(b"q" * 32)))), RESOURCE, str)

        async def play() -> None:
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
                refunds = [
                    asyncio.create_task(client.get("/blocks/1", headers=paid(PRICE, kind="refund", config=config)))
                    for config in configs
                ]
                await asyncio.sleep(0.5)
                voucher = asyncio.create_task(client.get("/blocks/1", headers=paid(2 * PRICE, config=quick)))
                free = asyncio.create_task(client.get("/"))
                done, _ = await asyncio.wait({voucher, free}, timeout=5)
                waiting = [refund for refund in refunds if not refund.done()]
                chain.go.set()
                answers = await asyncio.gather(voucher, free, *refunds)
                assert (done, waiting) == ({voucher, free}, refunds)
                assert {answer.status_code for answer in answers} == {200}

        asyncio.run(play())


@pytest.mark.parametrize("failure", [ChainFailed("no answer"), ValueError("a bug, or a full disk")])
def test_collects_by_itself(chain: ToyChain, tmp_path: Path, failure: Exception) -> None:
    """And goes on after whatever happens."""
    with Store(tmp_path / "channels.sqlite") as store:
        till = Till(chain, store, OFFER)  # type: ignore[arg-type]
        app = make_app(Shop(till, chain, store, 0.01))  # type: ignore[arg-type]
        Web(app).get("/blocks/1", headers=paid(PRICE, DEPOSIT))
        chain.failure = failure

        async def live() -> None:
            async with app.router.lifespan_context(app):
                await asyncio.sleep(0.05)
                chain.failure = None
                for _ in range(200):
                    await asyncio.sleep(0.01)
                    if chain.settled:
                        return

        asyncio.run(live())
        assert chain.settled == PRICE


def test_the_service_imports_nothing_of_its_clients_package() -> None:
    folder = Path(str(paid_api.__file__)).parent
    for file in folder.glob("*.py"):
        if file.name == "client.py":
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not [name for name in names if name.split(".")[0] == "x402"], file
