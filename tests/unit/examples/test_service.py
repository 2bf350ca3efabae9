"""The service of examples/paid_api over HTTP."""

from __future__ import annotations

import ast
import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from eth_utils.address import to_checksum_address

from examples import paid_api
from examples.paid_api.errors import ChainFailed
from examples.paid_api.service import Shop, make_app
from examples.paid_api.store import Store
from examples.paid_api.till import Till
from tests.support.paid_api import CAPTURED, DELAY, DEPOSIT, OFFER, PRICE, ToyChain, header, payment, told


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


def paid(most: int, deposit: int | None = None) -> dict[str, str]:
    """The header of a payment."""
    content = json.loads(json.dumps(CAPTURED)) | {"accepted": OFFER.json}
    made, payload = payment(most, deposit), content["payload"]
    names = ("payer", "payerAuthorizer", "receiver", "receiverAuthorizer", "token")
    payload["channelConfig"] = dict(zip(names, map(to_checksum_address, made.config.parties), strict=True))
    payload["channelConfig"] |= {"withdrawDelay": DELAY, "salt": "0x" + made.config.salt.hex()}
    payload["voucher"] = {
        "channelId": "0x" + made.channel_id.hex(),
        "maxClaimableAmount": str(most),
        "signature": "0x" + made.signature.hex(),
    }
    payload["type"] = "voucher" if deposit is None else "deposit"
    payload["deposit"]["amount"] = str(deposit or 0)
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


def test_collects_by_itself(chain: ToyChain, tmp_path: Path) -> None:
    """And goes on when the chain does not answer for a while."""
    with Store(tmp_path / "channels.sqlite") as store:
        till = Till(chain, store, OFFER)  # type: ignore[arg-type]
        app = make_app(Shop(till, chain, store, 0.01))  # type: ignore[arg-type]
        Web(app).get("/blocks/1", headers=paid(PRICE, DEPOSIT))
        chain.failure = ChainFailed("no answer")

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
