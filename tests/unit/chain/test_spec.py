"""Deployment files, headers and the base fee."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.chain.fees import next_base_fee
from tandem.chain.genesis import genesis_header
from tandem.chain.header import HEADER_BYTES, Header
from tandem.chain.spec import Deployment
from tandem.errors import ConfigError
from tandem.primitives.hashing import keccak
from tandem.primitives.types import ZERO_HASH, Gas, Wei
from tandem.state.tables import StateTables
from tests.support.chain import make_deployment


def genesis() -> Header:
    deployment = make_deployment()
    return genesis_header(deployment.parameters, deployment.genesis, StateTables())


def test_a_deployment_file_is_read_back(tmp_path: Path) -> None:
    deployment = make_deployment()
    deployment.save(tmp_path / "deployment.json")
    assert Deployment.load(tmp_path / "deployment.json") == deployment


@pytest.mark.parametrize(
    ("text", "why"), [(None, "ape run deploy"), ("{", "not a readable JSON"), ("{}", "not a deployment file")]
)
def test_a_bad_deployment_file_says_what_to_do(tmp_path: Path, text: str | None, why: str) -> None:
    path = tmp_path / "deployment.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError, match=why):
        Deployment.load(path)


def test_a_header_is_read_back_and_hashed_over_all_its_words() -> None:
    header = genesis()
    assert len(header.encode()) == HEADER_BYTES
    assert Header.decode(header.encode()) == header
    assert header.hash == keccak(header.encode())
    assert replace(header, gas_used=Gas(1)).hash != header.hash
    assert replace(header, recent_hashes=ZERO_HASH).hash != header.hash


def test_the_genesis_commits_to_every_parameter() -> None:
    deployment = make_deployment()
    hashes = {deployment.parameters.config_hash()}
    for name in (
        "chain_id",
        "gas_limit",
        "elasticity",
        "base_fee_denominator",
        "min_base_fee",
        "data_gas_per_byte",
        "max_drift",
    ):
        hashes.add(replace(deployment.parameters, **{name: 2**25 if name == "gas_limit" else 77}).config_hash())
    assert len(hashes) == 8


@given(st.integers(0, 30_000_000), st.integers(10**8, 10**12))
def test_the_base_fee_moves_by_at_most_the_stated_part_and_stops_at_the_floor(used: int, fee: int) -> None:
    parameters = make_deployment().parameters
    parent = replace(genesis(), gas_used=Gas(used), base_fee=Wei(fee))
    following = next_base_fee(parent, parameters)
    target = parameters.gas_limit // parameters.elasticity
    assert following >= parameters.min_base_fee
    if used > target:
        rise = (parameters.elasticity - 1) / parameters.base_fee_denominator
        assert fee < following <= fee * (1 + rise) + 1
    elif used == target:
        assert following == fee
    else:
        assert following <= fee


def test_the_base_fee_has_a_ceiling() -> None:
    parameters = make_deployment().parameters
    parent = replace(genesis(), gas_used=parameters.gas_limit, base_fee=Wei(2**64 - 1))
    assert next_base_fee(parent, parameters) == 2**64 - 1


def test_a_block_that_cannot_hold_every_message_is_refused() -> None:
    with pytest.raises(ConfigError, match="might fit no block"):
        make_deployment(gas_limit=2**24 - 1)
