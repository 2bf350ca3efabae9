"""Raiden's published scenarios, played by our nodes: one process each, on L1, with an ERC-20 as their files have it.

What Raiden's services do is done by the nodes themselves, so that assertions about services are about these:

* its pathfinding service is the payer's own routing: a request is a payment that goes over more than an own channel,
  its routes are the way in the payer's records and the others that it knows, up to `pathfinding-max-paths`; of an IOU,
  what counts is how many requests it is for, as ways cost nothing here;
* its monitoring service is the watchtower. Our nodes close with both lanes, which leaves nothing to watch; Raiden's
  show only what they have received. Where a file asserts what the service does, channels are closed as Raiden's do;
* a wait is for what is under way; while a channel is closing, L1's clock moves by as much of the window as its blocks
  are of Raiden's settle timeout.
"""

import math
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations
from pathlib import Path
from string import ascii_uppercase
from threading import Lock
from typing import Any

import pytest
from eth_account import Account

from localnet.channel_node import ChannelNode, NodeSays, TowerNode
from story.old_state import address_of, close_call, copy_database, kept_side
from story.stage import ROOT
from tandem.l1.contracts import abi, checksum
from tandem.l1.signer import development_account
from tandem.primitives.types import Hash
from tests.support.channel_net import ChannelNet
from tests.support.raiden_scenarios import (
    EVENTS,
    NAMES,
    STATES,
    UPDATED,
    USUAL_PATHS,
    NotPlayable,
    Scenario,
    outcomes,
    read_scenario,
    why_not,
)

pytestmark = pytest.mark.e2e
SCENARIOS = (
    Path(os.environ.get("TANDEM_VECTORS", Path(__file__).parents[3] / "shared" / "vectors")) / "raiden/scenarios"
)
FAST = {"pfs9_partial_withdraw"}
"""It has most kinds of tasks; `make raiden` plays the others too."""
TOKEN = ROOT / "examples" / "paid_api" / "PaymentToken.json"
USUAL_FUNDS = 10**27
"""Of the token, for each node of a file that does not say."""
PATIENCE = 20.0
"""Seconds for anything to become as it should be."""
KNOWLEDGE = 10.0
"""Seconds for a payer to hear how the network is: then it pays by what it knows."""
STEPS, STEP_SECONDS = 5, 1.2
"""In which a whole window passes, and how long all that run have for each: they look at L1 once a second."""
FAULTS = {500, 502}
"""Answers of a node that failed at what it should do."""
MINTER = 9
"""The development account that makes the scenarios' tokens."""
REWARD_PPM = 1_000
"""Of a channel, for the tower."""

Task = Mapping[str, Any]
Way = list[int]


class Player:
    """A scenario's nodes, and what it has them do."""

    def __init__(self, world: ChannelNet, scenario: Scenario, folder: Path) -> None:
        self.world, self.scenario, self.folder = world, scenario, folder
        self.manager = world.l1.web3.eth.contract(
            address=checksum(world.net.deployment.l1.channel_manager), abi=abi("ChannelManager")
        )
        self.first_block = world.l1.web3.eth.block_number
        self.is_monitored = scenario.is_about_monitoring
        minter = development_account(MINTER)
        self.token, _ = world.l1.deploy(minter, TOKEN)
        self.tower: TowerNode | None = None
        if self.is_monitored:
            self.tower = world.tower("--reward-ppm", str(REWARD_PPM), "--token", f"L1:{self.token.address}:1")
        self.nodes = [self._node(index) for index in range(scenario.count)]
        accounts = [Account.from_key(node.key) for node in self.nodes]
        for account in accounts:
            funds = int(scenario.token.get("balance_fund", USUAL_FUNDS))
            world.l1.call(minter, self.token.functions.mint(account.address, funds))
        for node in self.nodes:
            node.launch()
        for node in self.nodes:
            node.await_ready()
        self.uris = [node.uri for node in self.nodes]
        self.addresses = [str(account.address) for account in accounts]
        self.channels: dict[frozenset[int], str] = {}
        """The newest channel between two nodes."""
        self.parties: dict[str, tuple[int, int]] = {}
        """Of each channel that there was: who has opened it, and the other one."""
        self.kept: dict[str, str] = {}
        """Channels that the scenario has a name for."""
        self.ways: dict[str, list[Way]] = {}
        """Of each payment, the ways that its payer knew."""
        self.spare: dict[tuple[int, int], list[str]] = {}
        """Invoices of nodes that do not run, by node and amount."""
        self._opening = {frozenset(pair): Lock() for pair in combinations(range(scenario.count), 2)}
        self._tasks: dict[str, Callable[[Any], None]] = {
            "serial": self.serial,
            "parallel": self.parallel,
            "open_channel": self.open_channel,
            "deposit": self.deposit,
            "withdraw": self.withdraw,
            "close_channel": self.close_channel,
            "transfer": self.transfer,
            "store_channel_info": self.store_channel_info,
            "stop_node": self.stop_node,
            "kill_node": self.kill_node,
            "start_node": self.start_node,
            "wait": lambda _: self.await_quiet(),
            "wait_blocks": self.wait_blocks,
            "assert": self.assert_channel,
            "assert_all": self.assert_all,
            "assert_sum": self.assert_sum,
            "assert_events": self.assert_events,
            "assert_ms_claim": self.assert_ms_claim,
            "assert_pfs_routes": self.assert_pfs_routes,
            "assert_pfs_history": self.assert_pfs_history,
            "assert_pfs_iou": self.assert_pfs_iou,
        }

    def _node(self, index: int) -> ChannelNode:
        options = ["--fee-ppm", "0"]
        if self.tower is not None and self.scenario.options_of(index).get("enable-monitoring"):
            options += ["--tower", self.tower.uri]
        letters = ascii_uppercase
        return self.world.node(letters[index // len(letters)] + letters[index % len(letters)], *options)

    def play(self, tasks: Task) -> None:
        """All of them, one after the other."""
        for kind, task in tasks.items():
            self._tasks[kind](task)

    def serial(self, task: Task) -> None:
        for _ in range(task.get("repeat", 1)):
            for inner in task.get("tasks") or []:
                self.play(inner)

    def parallel(self, task: Task) -> None:
        tasks = (task.get("tasks") or []) * task.get("repeat", 1)
        with ThreadPoolExecutor(16) as pool:
            for done in [pool.submit(self.play, inner) for inner in tasks]:
                done.result()

    # -- what nodes are told to do

    def open_channel(self, task: Task) -> None:
        """A channel has two sides here as there: who opens one that there is already pays into it."""
        opener, other, amount = task["from"], task["to"], task["total_deposit"]
        pair = frozenset((opener, other))
        if self.nodes[other].child is None:
            raise NotPlayable("a channel is opened with a node that is stopped: ours open it with who is there")

        def open_it() -> None:
            made = self.nodes[opener].post(
                "/channels", node=self.uris[other], chain="L1", amount=str(amount), token=self.token.address
            )
            self.parties[made["id"]] = opener, other
            self.channels[pair] = made["id"]
            self.await_channel(opener, other, amount)

        with self._opening[pair]:
            if pair not in self.channels or self.is_settled(opener, other):
                self.attempt(task, open_it)
            elif True in outcomes(task):
                self.deposit(task)
            else:
                raise NotPlayable("a second channel between two nodes must be refused: ours may have several")

    def deposit(self, task: Task) -> None:
        payer, other, total = task["from"], task["to"], task["total_deposit"]

        def pay_in() -> None:
            more = total - int(self.view(payer, other)["deposit"])
            self.nodes[payer].post(f"/channels/{self.name(payer, other)}/deposit", amount=str(more))
            self.await_channel(payer, other, total)

        self.attempt(task, pay_in)

    def await_channel(self, payer: int, other: int, total: int) -> None:
        """Both sides that run know what was paid in, and use the channel."""

        def is_known() -> bool:
            own = self.view(payer, other)
            if int(own["deposit"]) < total or self.nodes[other].child is None:
                return int(own["deposit"]) >= total
            theirs = self.view(other, payer)
            return int(theirs["other_deposit"]) >= total and own["is_connected"] and theirs["is_connected"]

        self.until(f"{payer} and {other} to know of {total}", is_known)

    def withdraw(self, task: Task) -> None:
        taker, other, total = task["from"], task["to"], task["total_withdraw"]

        def take_out() -> None:
            more = total - int(self.view(taker, other)["withdrawn"])
            self.nodes[taker].post(f"/channels/{self.name(taker, other)}/withdraw", amount=str(more))
            self.until("the withdrawal", lambda: int(self.view(taker, other)["withdrawn"]) == total)

        self.attempt(task, take_out)

    def close_channel(self, task: Task) -> None:
        closer, other = task["from"], task["to"]
        name, node = self.name(closer, other), self.nodes[closer]

        def close() -> None:
            if self.is_monitored:
                self.close_without_own_lane(node, name)
            else:
                node.post(f"/channels/{name}/close", alone=True)
            self.until("the closing", lambda: self.view(closer, other)["status"] == "closing")

        self.attempt(task, close)

    def close_without_own_lane(self, node: ChannelNode, name: str) -> None:
        """As Raiden's nodes do: what was received is shown, what was paid is for the other side to show."""
        node.signal(signal.SIGSTOP)
        try:
            database = copy_database(node.folder, self.folder / f"{node.name}{len(list(self.folder.iterdir()))}")
        finally:
            node.signal(signal.SIGCONT)
        account, web3, deployment = Account.from_key(node.key), self.world.l1.web3, self.world.net.deployment
        side = kept_side(database, web3, deployment, Hash(bytes.fromhex(name[2:])), address_of(account))
        self.world.l1.call(account, close_call(web3, deployment, side, own=False))

    def transfer(self, task: Task) -> None:
        payer, payee, amount = task["from"], task["to"], task["amount"]
        ways = self.known_ways(payer, payee, self.await_knowledge(payer, amount))

        def pay() -> None:
            payment = self.nodes[payer].pay(self.invoice(payee, amount), most_fee="0")
            self.ways[payment["ref"]] = ways
            if payment["outcome"] != "paid":
                raise NodeSays(409, payment["outcome"], payment["error"])

        self.attempt(task, pay)

    def invoice(self, payee: int, amount: int) -> str:
        """Of a node that does not run: one that it has made before."""
        if self.nodes[payee].child is None:
            return self.spare[payee, amount].pop()
        return self.nodes[payee].invoice(amount, token=self.token.address)

    def store_channel_info(self, task: Task) -> None:
        self.kept[task["key"]] = self.name(task["from"], task["to"])

    def stop_node(self, index: int) -> None:
        """When it has settled what is under way, and its tower knows everything."""
        self.await_quiet()
        node = self.nodes[index]
        if self.tower is not None and self.scenario.options_of(index).get("enable-monitoring"):
            self.until("the tower to know", lambda: all(each["towers"] for each in node.channels() if each["states"]))
        self.ask_for_invoices(index)
        assert node.stop() == 0

    def kill_node(self, index: int) -> None:
        self.ask_for_invoices(index)
        self.nodes[index].kill()

    def start_node(self, index: int) -> None:
        self.nodes[index].start()

    def ask_for_invoices(self, index: int) -> None:
        """As many as others may want to pay while the node does not run."""
        for kind, task in self.scenario.walk():
            if kind == "transfer" and task["to"] == index:
                made = self.nodes[index].invoice(task["amount"], token=self.token.address)
                self.spare.setdefault((index, task["amount"]), []).append(made)

    def wait_blocks(self, blocks: int) -> None:
        """In steps, so that who runs acts as it would if blocks came one by one."""
        self.await_quiet()
        windows = [channel["window"] for channel in self.closing()]
        if not windows:
            return
        step = math.ceil(self.scenario.settle_timeout / STEPS)
        while blocks > 0:
            self.world.travel(math.ceil(max(windows) * min(step, blocks) / self.scenario.settle_timeout))
            blocks -= step
            time.sleep(STEP_SECONDS)
        now = self.world.l1.web3.eth.get_block("latest")["timestamp"]
        self.until("settlement", lambda: all(channel["settle_at"] > now for channel in self.closing()))

    def closing(self) -> list[dict[str, Any]]:
        """Channels in their windows, as the nodes that run see it."""
        channels = [channel for own in self.running_channels().values() for channel in own]
        return [channel for channel in channels if channel["status"] == "closing"]

    def attempt(self, task: Task, work: Callable[[], None]) -> None:
        """Do it, and compare what has become of it with what the file expects: a fault is no refusal."""
        try:
            work()
            is_done, reason = True, "it was done"
        except NodeSays as said:
            assert said.status not in FAULTS, f"{task}: {said}"
            is_done, reason = False, str(said)
        assert is_done in outcomes(task), f"{task}: {reason}"

    # -- what is known of the network

    def name(self, one: int, other: int) -> str:
        """Of the channel between two nodes; where there is none, of one that no node knows."""
        return self.channels.get(frozenset((one, other)), "0x" + "00" * 32)

    def view(self, one: int, other: int) -> dict[str, Any]:
        """The channel as one of its sides tells of it."""
        return self.nodes[one].channel(self.name(one, other))

    def running_channels(self) -> dict[int, list[dict[str, Any]]]:
        """Of each node that runs, the scenario's channels."""
        running = [index for index, node in enumerate(self.nodes) if node.child is not None]
        return {
            index: [each for each in self.nodes[index].channels() if each["id"] in self.parties] for index in running
        }

    def is_settled(self, one: int, other: int) -> bool:
        """Whether a node has seen the end of the channel."""
        return all(channel["id"] != self.name(one, other) for channel in self.nodes[one].channels())

    def until(self, what: str, ready: Callable[[], Any], timeout: float = PATIENCE) -> None:
        """AssertionError where it does not come to that in time."""
        self.nodes[0].wait(what, ready, timeout, check=False)

    def await_quiet(self) -> None:
        """No lock stands where both sides run, or there was time for that: what follows is asserted in any case."""

        def is_quiet() -> bool:
            channels = self.running_channels()
            locked = {each["id"] for index in channels for each in channels[index] if each["locks"]}
            return not any({*self.parties[name]} <= {*channels} for name in locked)

        try:
            self.until("quiet", is_quiet, KNOWLEDGE)
        except AssertionError:
            return

    def await_knowledge(self, payer: int, amount: int) -> set[tuple[int, int]]:
        """Until it knows over which channels the amount can go, or nothing changes any more: who can pay whom."""
        end = time.monotonic() + KNOWLEDGE
        while True:
            known, true = self.picture(payer, amount)
            if known == true or time.monotonic() > end:
                return known
            time.sleep(0.05)

    def picture(self, payer: int, amount: int) -> tuple[set[tuple[int, int]], set[tuple[int, int]]]:
        """Who can pay whom so much over a channel: as the payer knows, and as the nodes that run will tell."""
        index_of = {address: index for index, address in enumerate(self.addresses)}
        channels, true = self.running_channels(), set()
        for source, own in channels.items():
            for channel in own:
                target = index_of[channel["other"]]
                told = 2 ** int(channel["spendable"]).bit_length()  # gossip has powers of two
                most = min(told, int(channel["spendable"]) + int(channel["receivable"]))
                is_usable = channel["status"] == "open" and (channel["is_connected"] or target in channels)
                if is_usable and (int(channel["spendable"]) if source == payer else most) >= amount:
                    true.add((source, target))
        known = {
            (payer, index_of[channel["other"]])
            for channel in channels[payer]
            if channel["is_connected"] and int(channel["spendable"]) >= amount
        }
        for edge in self.nodes[payer].get("/network")["edges"]:
            source, target = index_of.get(edge["source"]), index_of.get(edge["target"])
            is_usable = edge["is_open"] and int(edge["capacity"]) >= amount and edge["channel"] in self.parties
            if is_usable and source in channels and source != payer and target is not None:
                known.add((source, target))
        return known, true

    def known_ways(self, payer: int, payee: int, edges: set[tuple[int, int]]) -> list[Way]:
        """From one to the other, the shortest first."""

        def from_here(way: Way) -> Iterator[Way]:
            if way[-1] == payee:
                yield way
                return
            for source, target in sorted(edges):
                if source == way[-1] and target not in way:
                    yield from from_here([*way, target])

        return sorted(from_here([payer]), key=len)

    # -- what is asserted of channels and the chain

    @staticmethod
    def values(channel: Mapping[str, Any]) -> dict[str, Any]:
        """In Raiden's words."""
        deposit, withdrawn = int(channel["deposit"]), int(channel["withdrawn"])
        return {
            "balance": deposit - withdrawn - int(channel["paid"]) + int(channel["received"]),
            "total_deposit": deposit,
            "total_withdraw": withdrawn,
            "state": next(theirs for theirs, ours in STATES.items() if ours == channel["status"]),
        }

    def agrees(self, what: Task, found: Callable[[], tuple[bool, Any]]) -> None:
        """What the file says becomes so in time."""
        end = time.monotonic() + PATIENCE
        while True:
            is_so, seen = found()
            if is_so:
                return
            assert time.monotonic() < end, f"{what}: it is {seen}"
            time.sleep(0.05)

    def assert_channel(self, task: Task) -> None:
        one, other = task["from"], task["to"]
        expected = {
            name: task[name] for name in ("balance", "total_deposit", "total_withdraw", "state") if name in task
        }

        def found() -> tuple[bool, Any]:
            if self.is_settled(one, other):
                return expected == {"state": "settled"}, "settled"
            channel = self.view(one, other)
            values = self.values(channel)
            off = {name for name, value in expected.items() if values[name] != value}
            errors = {name: task[f"allow_{name}_error"] for name in off if f"allow_{name}_error" in task}
            off -= {name for name, error in errors.items() if abs(values[name] - expected[name]) <= error}
            is_so = not off and not channel["locks"]
            return is_so, values

        self.agrees(task, found)

    def all_values(self, node: int) -> list[dict[str, Any]]:
        """Of all of a node's channels."""
        return [self.values(channel) for channel in self.running_channels()[node]]

    def assert_all(self, task: Task) -> None:
        def found() -> tuple[bool, Any]:
            values = self.all_values(task["from"])
            names = [name for name in ("balance", "total_deposit", "state") if f"{name}s" in task]
            is_so = all(
                sorted(map(str, task[f"{name}s"])) == sorted(str(each[name]) for each in values) for name in names
            )
            return is_so, values

        self.agrees(task, found)

    def assert_sum(self, task: Task) -> None:
        def found() -> tuple[bool, Any]:
            values = self.all_values(task["from"])
            names = [name for name in ("balance", "total_deposit") if f"{name}_sum" in task]
            return all(sum(each[name] for each in values) == task[f"{name}_sum"] for name in names), values

        self.agrees(task, found)

    def assert_events(self, task: Task) -> None:
        wanted = {
            name: self.addresses[value] if "participant" in name and isinstance(value, int) else value
            for name, value in task.get("event_args", {}).items()
        }

        def found() -> tuple[bool, Any]:
            events = self.events(task["event_name"])
            count = sum(all(event.get(name) == value for name, value in wanted.items()) for event in events)
            return count == task["num_events"], events

        self.agrees(task, found)

    def logs(self, name: str) -> list[Any]:
        """Our contract's events in the scenario's channels."""
        logs = self.manager.events[name].get_logs(from_block=self.first_block)
        return [log for log in logs if "0x" + bytes(log["args"]["id"]).hex() in self.parties]

    def events(self, name: str) -> list[dict[str, Any]]:
        """Those of Raiden's name, with Raiden's arguments."""
        found = []
        closings = {bytes(log["args"]["id"]): log for log in self.logs("ChannelClosing")}
        for log in self.logs(EVENTS[name][0]):
            given, channel = log["args"], bytes(log["args"]["id"])
            opener, other = (self.addresses[index] for index in self.parties["0x" + channel.hex()])
            arguments = {"participant1": opener, "participant2": other}
            if "side" in given:
                arguments["participant"] = (opener, other)[given["side"]]
            if channel in closings:
                arguments["closing_participant"] = closings[channel]["args"]["by"]
            is_late = channel in closings and log["transactionHash"] != closings[channel]["transactionHash"]
            if name != UPDATED or (is_late and arguments["participant"] == arguments["closing_participant"]):
                found.append(arguments)
        return found

    def assert_ms_claim(self, task: Task) -> None:
        """The tower has its reward, when the channel is settled."""
        name, tower = self.kept[task["channel_info_key"]], self.tower

        def found() -> tuple[bool, Any]:
            if tower is None:
                return not task.get("must_claim", True), "no tower"
            account = tower.status()["account"]
            promised = [log["args"]["reward"] for log in self.logs("RescueNoted") if log["args"]["tower"] == account]
            balance = int(self.token.functions.balanceOf(account).call())
            settled = {"0x" + bytes(log["args"]["id"]).hex() for log in self.logs("ChannelSettled")}
            return name in settled and balance == sum(promised) > 0, (promised, balance)

        self.agrees(task, found)

    # -- what is asserted of ways

    def requests(self, source: int, target: int | None) -> list[list[Way]]:
        """For each payment that needed a way: the routes, the one that was taken first."""
        most = int(self.scenario.options_of(source).get("pathfinding-max-paths", USUAL_PATHS))
        index_of = {address: index for index, address in enumerate(self.addresses)}
        keys = [uri.partition("@")[0].removeprefix("0x") for uri in self.uris]
        found = []
        for payment in reversed(self.nodes[source].get("/payments?count=1000")):
            payee = keys.index(payment["payee"].removeprefix("0x"))
            if len(payment["way"]) == 1 or target not in (None, payee):
                continue
            taken = [source, *(index_of[hop["target"]] for hop in payment["way"])]
            known = [way for way in self.ways[payment["ref"]] if way != taken]
            found.append([*([taken] if payment["way"] else []), *known][:most])
        return found

    def assert_pfs_routes(self, task: Task) -> None:
        payer, payee = task["from"], task["to"]
        ways = self.known_ways(payer, payee, self.await_knowledge(payer, task["amount"]))
        assert len(ways[: task.get("max_paths", 5)]) == task["expected_paths"], f"{task}: {ways}"

    def assert_pfs_history(self, task: Task) -> None:
        requests = self.requests(task["source"], task.get("target"))
        if "request_count" in task:
            assert len(requests) == task["request_count"], f"{task}: {requests}"
        counts = task.get("routes_count")
        if counts is not None:
            expected = [counts] * len(requests) if isinstance(counts, int) else counts
            assert [len(routes) for routes in requests] == expected, f"{task}: {requests}"
        routes = [route for each in requests for route in each]
        if task.get("distinct_routes_only"):
            routes = [route for at, route in enumerate(routes) if route not in routes[:at]]
        if "expected_routes" in task:
            assert routes == task["expected_routes"], f"{task}: {routes}"

    def assert_pfs_iou(self, task: Task) -> None:
        count = len(self.requests(task["source"], None))
        if "amount" in task:
            assert count * int(NAMES["pfs_fee"]) == task["amount"], f"{task}: {count} requests"
        if not task.get("iou_exists", True):
            assert count == 0, f"{task}: {count} requests"


@pytest.mark.skipif(not SCENARIOS.exists(), reason=f"Raiden's scenarios are not at {SCENARIOS}: set TANDEM_VECTORS")
@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=path.stem, marks=[] if path.stem in FAST else pytest.mark.slow)
        for path in sorted(SCENARIOS.glob("*.yaml"))
    ],
)
def test_our_nodes_play(channel_l1: ChannelNet, path: Path, tmp_path: Path) -> None:
    try:
        scenario = read_scenario(path)
        reason = why_not(scenario)
        if reason is not None:
            raise NotPlayable(reason)
        world = ChannelNet(channel_l1.net, f"{path.stem}-")
        try:
            player = Player(world, scenario, tmp_path)
            player.play(scenario.tasks)
            for node in player.nodes:
                assert "ALARM" not in node.log, node.log[-3_000:]
        finally:
            world.stop()
    except NotPlayable as reason:
        pytest.skip(str(reason))
