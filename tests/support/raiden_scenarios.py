"""Raiden's scenario files: how they are read, and whether our nodes can play one.

They are YAML with Jinja expressions (`{{ 2 * pfs_fee }}`) whose names are of Raiden's test network. What a file asks
for decides whether it is played: `why_not` says what our nodes lack, or which assertion means nothing here.
"""

import ast
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

NAMES: Mapping[str, int | str] = {
    "gas_price": "fast",
    "ms_reward_with_margin": 10**19,
    "pfs_fee": 100,
    "pfs_with_fee": "a pathfinding service",
    "settlement_timeout_min": 40,
    "transfer_token": "the token",
    "wait_long": 1,
    "wait_short": 1,
}
"""What the expressions may name. Of waits only the place in the scenario counts, of fees only how many there are."""
NO_VALUE = "no value for"
"""Begins what stands for an expression that cannot be reckoned."""
OPERATORS: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
}
USUAL_SETTLE_TIMEOUT = 500
"""Raiden's, in blocks."""
USUAL_PATHS = 3
"""Of how many ways Raiden's node asks for."""

REST = {"from", "expected_http_status", "timeout"}
CHANNEL = REST | {"to"}
TASKS: Mapping[str, set[str]] = {
    "open_channel": CHANNEL | {"total_deposit"},
    "deposit": CHANNEL | {"total_deposit"},
    "withdraw": CHANNEL | {"total_withdraw"},
    "close_channel": CHANNEL,
    "transfer": CHANNEL | {"amount", "identifier"},
    "store_channel_info": CHANNEL | {"key"},
    "assert": CHANNEL
    | {"balance", "total_deposit", "total_withdraw", "state"}
    | {"allow_balance_error", "allow_total_deposit_error", "allow_total_withdraw_error"},
    "assert_all": REST | {"balances", "total_deposits", "states"},
    "assert_sum": REST | {"balance_sum", "total_deposit_sum"},
    "assert_events": {"contract_name", "event_name", "num_events", "event_args"},
    "assert_ms_claim": {"channel_info_key", "must_claim"},
    "assert_pfs_routes": CHANNEL | {"amount", "max_paths", "expected_paths"},
    "assert_pfs_history": {
        *("source", "target", "request_count", "routes_count", "expected_routes", "distinct_routes_only", "timeout")
    },
    "assert_pfs_iou": {"source", "amount", "iou_exists", "timeout"},
    "serial": {"name", "tasks", "repeat"},
    "parallel": {"name", "tasks", "repeat"},
    "wait": set(),
    "wait_blocks": set(),
    "start_node": set(),
    "stop_node": set(),
    "kill_node": set(),
}
"""What is played, and the arguments that are understood."""
LACKING: Mapping[str, str] = {
    "join_network": "opens channels by itself: our nodes open those that they are told to",
    "leave_network": "closes all channels at once: our nodes close those that they are told to",
    "snapshot": "goes on from databases of an earlier run, and our nodes' are no part of it",
    "update_node_options": "changes a node's options in Raiden's words",
}
"""Kinds of tasks that are known and not played."""
OPTIONS = {
    *("default-reveal-timeout", "default-settle-timeout", "enable-monitoring", "environment-type", "flat-fee"),
    *("gas-price", "log-config", "matrix-server", "no-cap-mediation-fees", "pathfinding-iou-timeout"),
    *("pathfinding-max-fee", "pathfinding-max-paths", "proportional-fee", "proportional-imbalance-fee", "routing-mode"),
}
"""Options of a node that are understood, or change nothing that a scenario could see here."""
FEES: Mapping[str, str] = {
    "proportional-imbalance-fee": "Raiden's fee for making a channel lopsided: our nodes ask for a base and a part",
    "flat-fee": "Raiden's payer adds a margin to fees and the payee keeps it: ours pays what is asked",
    "proportional-fee": "Raiden's payer adds a margin to fees and the payee keeps it: ours pays what is asked",
}
STATES: Mapping[str, str] = {"opened": "open", "closed": "closing", "settled": "settled"}
"""Raiden's words for where a channel is, and ours."""
EVENTS: Mapping[str, tuple[str, set[str]]] = {
    "ChannelOpened": ("ChannelOpened", {"participant1", "participant2"}),
    "ChannelNewDeposit": ("Deposited", {"participant"}),
    "ChannelWithdraw": ("Withdrawn", {"participant"}),
    "ChannelClosed": ("ChannelClosing", {"closing_participant"}),
    "NonClosingBalanceProofUpdated": ("LaneShown", {"closing_participant"}),
    "ChannelSettled": ("ChannelSettled", set()),
}
"""Events of Raiden's TokenNetwork: ours, and the arguments that may be asked for."""
UPDATED = "NonClosingBalanceProofUpdated"


class NotPlayable(Exception):
    """Our nodes cannot play it. The message says why."""


@dataclass(frozen=True)
class Scenario:
    """A file as it is read. `tasks`: one task, with all others in it."""

    count: int
    options: Mapping[str, Any]
    node_options: Mapping[int, Mapping[str, Any]]
    token: Mapping[str, Any]
    settings: Mapping[str, Any]
    nodes: Mapping[str, Any]
    tasks: Mapping[str, Any]

    def walk(self) -> Iterator[tuple[str, Any]]:
        """Every task as often as it is done: its kind and its arguments."""
        return _walk(self.tasks)

    def options_of(self, node: int) -> dict[str, Any]:
        """As a node is started."""
        return {**self.options, **self.node_options.get(node, {})}

    @property
    def is_about_monitoring(self) -> bool:
        """Whether it asserts what a monitoring service does."""
        return any(
            kind == "assert_ms_claim" or (kind == "assert_events" and task.get("event_name") == UPDATED)
            for kind, task in self.walk()
        )

    @property
    def settle_timeout(self) -> int:
        """In blocks."""
        return int(self.options.get("default-settle-timeout", USUAL_SETTLE_TIMEOUT))


def read_scenario(path: Path) -> Scenario:
    """NotPlayable where the file is a link to one that is not there, or no plain YAML with expressions."""
    text = path.read_text()
    if re.fullmatch(r"\S+\.yaml\s*", text):
        target = path.parent / text.strip()
        if not target.exists():
            raise NotPlayable(f"the file only names another one, {text.strip()}, which is not there")
        return read_scenario(target)
    text = re.sub(r"\{#.*?#\}", "", text, flags=re.DOTALL)
    if "{%" in text:
        raise NotPlayable("the file has statements of Jinja: only expressions are reckoned here")
    content = yaml.safe_load(re.sub(r"\{\{(.*?)\}\}", lambda found: evaluate(found[1]), text))
    nodes = content["nodes"]
    return Scenario(
        nodes["count"],
        nodes.get("default_options") or {},
        nodes.get("node_options") or {},
        content.get("token") or {},
        content.get("settings") or {},
        nodes,
        content["scenario"],
    )


def evaluate(expression: str) -> str:
    """What stands in the file instead: a number, a text."""

    def value(node: ast.expr) -> Any:
        match node:
            case ast.Constant():
                return node.value
            case ast.Name():
                return NAMES[node.id]
            case ast.BinOp():
                return OPERATORS[type(node.op)](value(node.left), value(node.right))
            case _:
                raise KeyError(ast.dump(node))

    try:
        return str(value(ast.parse(expression.strip(), mode="eval").body))
    except (KeyError, SyntaxError, TypeError):
        return f"{NO_VALUE} {' '.join(re.findall(r'[A-Za-z_]+', expression))}"


def outcomes(task: Mapping[str, Any]) -> set[bool]:
    """What may become of a task by the status that its file expects: True where it may succeed, False where not."""
    expected = str(task.get("expected_http_status", "2.."))
    return {status < 300 for status in (200, 201, 204, *range(400, 600)) if re.fullmatch(expected, str(status))}


def why_not(scenario: Scenario) -> str | None:
    """Why our nodes cannot play it."""
    return next((reason for reason in (*_settings(scenario), *_tasks(scenario)) if reason), None)


def _settings(scenario: Scenario) -> Iterator[str | None]:
    for name, given in (("nodes.count", scenario.count), ("token.balance_fund", scenario.token.get("balance_fund", 0))):
        if not isinstance(given, int):
            yield f"{name}: {given}"
    if scenario.nodes.get("restore_snapshot"):
        yield f"nodes.restore_snapshot: {LACKING['snapshot']}"
    for options in (scenario.options, *scenario.node_options.values()):
        for name, given in options.items():
            if name not in OPTIONS:
                yield f"option {name}: not known here"
            if name in FEES and any(fee != 0 for fee in (given if isinstance(given, list) else [given])[1::2]):
                yield f"option {name}: {FEES[name]}"
    services = scenario.settings.get("services") or {}
    deposit = ((services.get("udc") or {}).get("token") or {}).get("balance_per_node")
    if scenario.is_about_monitoring and deposit is not None and deposit < NAMES["ms_reward_with_margin"]:
        yield (
            "udc.token.balance_per_node is less than monitoring costs, and the service must not act: our nodes have no "
            "deposit for services, a tower is paid out of the channel that it saves"
        )


def _tasks(scenario: Scenario) -> Iterator[str | None]:
    for kind, task in scenario.walk():
        if kind not in TASKS:
            yield f"task {kind}: {LACKING.get(kind, 'not known here')}"
            continue
        arguments = task if isinstance(task, dict) else {"": task}
        unknown = {*arguments} - TASKS[kind] - {""}
        if unknown:
            yield f"task {kind}: argument {min(unknown)} is not known here"
        for name, given in arguments.items():
            if isinstance(given, str) and given.startswith(NO_VALUE):
                yield f"task {kind}: {name} has {given}, Raiden's test network would say it"
            if name in ("from", "to", "source", "target") and not isinstance(given, int):
                yield f"task {kind}: {name} is {given}, no node of the scenario"
        yield _assertion(scenario, kind, task)


def _assertion(scenario: Scenario, kind: str, task: Any) -> str | None:
    if kind == "open_channel" and not task.get("total_deposit"):
        return "task open_channel: without a deposit: ours are opened with one"
    if kind in ("assert", "assert_all"):
        for state in task.get("states", [task["state"]] if "state" in task else []):
            if state not in STATES:
                return f"task {kind}: state {state} has no counterpart"
    if kind == "assert_events":
        name = f"{task['contract_name']}.{task['event_name']}"
        if task["contract_name"] != "TokenNetwork" or task["event_name"] not in EVENTS:
            return f"task assert_events: {name} has no counterpart"
        unknown = {*task.get("event_args", {})} - EVENTS[task["event_name"]][1]
        if unknown:
            return f"task assert_events: {min(unknown)} of {name} has no counterpart"
    if kind == "assert_ms_claim" and not task.get("must_claim", True) and scenario.options.get("enable-monitoring"):
        return (
            "task assert_ms_claim: must_claim is false: Raiden's service waits for 0.3 of the window, so that who is "
            "back by then pays nothing; our tower acts at once"
        )
    if kind == "assert_pfs_iou" and int(task.get("amount", 0)) % int(NAMES["pfs_fee"]):
        return "task assert_pfs_iou: the amount is no multiple of pfs_fee"
    return None


def _walk(tasks: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for kind, task in tasks.items():
        yield kind, task
        if kind in ("serial", "parallel"):
            for _ in range(task.get("repeat", 1)):
                for inner in task.get("tasks") or []:
                    yield from _walk(inner)
