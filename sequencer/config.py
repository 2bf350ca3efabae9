"""The sequencer's settings: a TOML file, checked on start, with command-line flags on top."""

import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tandem.disputes.lies import Cheat
from tandem.errors import ConfigError


class Section(BaseModel):
    """A table of the file. Unknown names are errors: a misspelt setting must not be silently ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class RpcSettings(Section):
    """The JSON-RPC server."""

    enabled: bool = True
    host: str = "127.0.0.1"
    port: int = Field(default=8547, ge=0, le=65535)


class BuilderSettings(Section):
    """Block building."""

    enabled: bool = True
    block_time_ms: int = Field(default=250, ge=0, le=60_000)
    """Milliseconds between blocks; 0: a block per transaction. Blocks without content are not built."""
    refuse: tuple[str, ...] = ()
    """Addresses whose transactions and messages this sequencer leaves out (until L1 forces them in)."""


class BatcherSettings(Section):
    """Posting batches to L1."""

    enabled: bool = True
    max_age_ms: int = Field(default=10_000, ge=0)
    """Post when the oldest block that is not on L1 is this old, or when a batch is full."""


class AsserterSettings(Section):
    """Making and confirming assertions on L1."""

    enabled: bool = True
    interval_ms: int = Field(default=5_000, ge=100)
    """How often to look at L1."""
    spacing_ms: int = Field(default=0, ge=0)
    """Least time between two assertions of ours. Each locks a bond for the challenge window: an hour is a sensible
    spacing with a window of days."""
    cheat: Cheat | None = None
    """Lie about this, once, and defend the lie. For demonstrations: refused but on development chains."""


class Settings(Section):
    """All settings of one sequencer."""

    deployment: Path = Path("devnet/deployment.json")
    """The file that `ape run deploy` wrote."""
    data: Path = Path("devnet/sequencer")
    """Where the database and the bus socket are."""
    l1: str = "http://127.0.0.1:8545"
    """JSON-RPC of L1."""
    l1_confirmations: int = Field(default=0, ge=0)
    """How many blocks behind L1's head to read it. Deposits wait that long; re-orgs of that depth do not touch L2."""
    log_json: bool = False
    """Logs as JSON lines instead of for people."""
    rpc: RpcSettings = RpcSettings()
    builder: BuilderSettings = BuilderSettings()
    batcher: BatcherSettings = BatcherSettings()
    asserter: AsserterSettings = AsserterSettings()

    @property
    def store_path(self) -> Path:
        """The LMDB environment."""
        return self.data / "chain"

    @property
    def bus_path(self) -> Path:
        """The Unix socket between the two processes."""
        return self.data / "bus.sock"


def load_settings(path: Path | None, overrides: dict[str, Any]) -> Settings:
    """Settings from the file, if any, with `overrides` ("rpc.port": 1) on top; ConfigError where they are wrong."""
    content: dict[str, Any] = {}
    if path is not None:
        try:
            content = tomllib.loads(path.read_text())
        except FileNotFoundError:
            raise ConfigError(f"no configuration file at {path}") from None
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"{path} is not TOML: {error}") from error
    for name, value in overrides.items():
        if value is None:
            continue
        *tables, key = name.split(".")
        target = content
        for table in tables:
            target = target.setdefault(table, {})
        target[key] = value
    try:
        return Settings.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        what = "there is no such setting" if first["type"] == "extra_forbidden" else first["msg"]
        raise ConfigError(f"setting {place or '(file)'}: {what}") from error
