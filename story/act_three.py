"""Act three: five channel nodes on both layers; thousands of payments, a silent hop, a cheater and a watchtower."""

import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount
from rich.live import Live
from rich.text import Text

from localnet.channel_node import ChannelNode, TowerNode
from story.old_state import address_of, close_call, copy_database, kept_side
from story.stage import ETHER, DemoFailed, Layer, Stage
from tandem.l1.contracts import checksum
from tandem.l1.signer import development_account
from tandem.primitives.types import Hash

NAMES = ("ann", "ben", "cleo", "dan", "eve")
SCALE = "0.004"
"""Of all times: a day becomes six minutes, the 45 minutes of a last lock 13 seconds."""
WINDOW = 150
"""Of these channels, seconds: four hops fit into it at this scale."""
PAYMENTS = 2_000
AT_ONCE = 16
PRICE = ETHER // 100_000
TRANSFER_GAS = 21_000
"""What a payment of ether costs on chain."""
TIMEOUT = 90.0


def play(stage: Stage) -> None:
    """The whole act. L1 and the sequencer run."""
    act = _ActThree(stage)
    act.begin()
    act.far()
    act.many()
    act.silence()
    act.cheat()
    act.end()
    act.tally()


class _ActThree:
    """The steps, in order; what an earlier one made, a later one uses."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        keys = [development_account(3 + number) for number in range(len(NAMES))]
        self.accounts: dict[str, LocalAccount] = dict(zip(NAMES, keys, strict=True))
        options = ("--time-scale", SCALE, "--confirmations", "1")
        tower_key = bytes(development_account(9).key)
        self.tower = TowerNode(stage.net, tower_key, *options, "--reward-ppm", "5000")
        self.nodes = {
            name: ChannelNode(stage.net, name, bytes(account.key), *options) for name, account in self.accounts.items()
        }
        self.channels: dict[str, str] = {}
        """Pairs of names, "ann ben" -> the channel's name."""
        self.paid = 0
        """Payments off chain."""
        self.before: dict[str, int] = {}
        """Transactions of each account when the act began."""

    def begin(self) -> None:
        """Nodes, ether on L2, channels."""
        stage = self.stage
        stage.step("Five nodes and a watchtower; channels on L1 and on L2")
        self.before = self._transactions()
        deposit = stage.contracts.bridge.functions.depositETH
        for name in ("ben", "cleo"):
            account = self.accounts[name]
            stage.l1.call(account, deposit(account.address, 100_000, b""), 20 * ETHER)
        with stage.console.status("starting the tower"):
            self.tower.start()
        with stage.console.status("starting the nodes"):
            for name, node in self.nodes.items():
                node.launch(*(("--tower", self.tower.uri) if name == "eve" else ()))
            for node in self.nodes.values():
                node.await_ready()
        for name, node in self.nodes.items():
            stage.console.print(f"   [green]✓[/] {name:<5} {node.page}")
        stage.console.print(f"   [green]✓[/] tower {self.tower.url}/")
        for one, other, layer in (
            ("ann", "ben", stage.l1),
            ("ben", "cleo", stage.l2),
            ("cleo", "dan", stage.l2),
            ("dan", "eve", stage.l1),
        ):
            account = self.accounts[one]
            self._await_ether(layer, account)
            start = time.monotonic()
            name = self.nodes[one].open(self.nodes[other], ETHER, layer.name, window=WINDOW)
            self.channels[f"{one} {other}"] = name
            took = f"{1_000 * (time.monotonic() - start):,.0f} ms"
            stage.tell(
                f"[green]✓[/] {one} opens a channel with {other}, 1 ETH [dim]{layer.name} {name[:10]}… {took}[/]"
            )
        stage.wait("everyone to know the network", lambda: all(map(self._knows_all, ("ann", "eve"))))

    def far(self) -> None:
        """Over both chains."""
        stage, ann, eve = self.stage, self.nodes["ann"], self.nodes["eve"]
        stage.step("Ann, who has a channel with ben alone, pays eve: four hops, L1 to L2 and back")
        invoice = eve.invoice(ETHER // 100, description="a lamp")
        stage.tell(f"eve's invoice: [dim]{invoice[:60]}…[/] ({len(invoice)} characters)")
        start = time.monotonic()
        payment = self._pay(ann, invoice)
        names = {checksum(address_of(account)): name for name, account in self.accounts.items()}
        rows = tuple(
            (names[hop["source"]], names[hop["target"]], hop["chain"], f"{int(hop['amount']):,}")
            for hop in payment["way"]
        )
        milliseconds = 1_000 * (time.monotonic() - start)
        stage.table(
            f"paid in {milliseconds:,.0f} ms; each hop knows its neighbours alone", ("from", "to", "on", "wei"), rows, 3
        )
        stage.tell(f"the proof of payment: {payment['proof']}")

    def many(self) -> None:
        """With a counter that lives."""
        stage, ann, cleo = self.stage, self.nodes["ann"], self.nodes["cleo"]
        stage.step(f"{PAYMENTS:,} payments from ann over ben to cleo, {AT_ONCE} at a time")
        start, failed = time.monotonic(), 0

        def pay(number: int) -> bool:
            return bool(ann.pay(cleo.invoice(PRICE, description=f"page {number}"))["outcome"] == "paid")

        with ThreadPoolExecutor(AT_ONCE) as pool, Live(console=stage.console, refresh_per_second=10) as live:
            for done, is_paid in enumerate(pool.map(pay, range(PAYMENTS)), 1):
                failed += not is_paid
                rate = done / (time.monotonic() - start)
                live.update(Text(f"   {done:>6,} payments  {rate:>6,.0f} a second  {failed} failed"))
        if failed:
            raise DemoFailed(f"{failed} of {PAYMENTS} payments failed")
        self.paid += PAYMENTS
        channel = cleo.channel(self.channels["ben cleo"])
        stage.tell(f"cleo has received {int(channel['received']) / ETHER:g} ETH; no transaction was sent")

    def silence(self) -> None:
        """Ben stops to answer while a payment is under way."""
        stage, ann, ben, cleo = self.stage, self.nodes["ann"], self.nodes["ben"], self.nodes["cleo"]
        stage.step("Ben falls silent in the middle of a payment: the chain decides it")
        made = cleo.post("/invoices", amount=str(ETHER // 10), chain="L1", hold=True, description="a chair")
        with ThreadPoolExecutor(1) as pool:
            paying = pool.submit(ann.pay, made["invoice"])
            self._wait("the lock at cleo", lambda: cleo.get(f"/invoices/{made['ref']}")["is_waiting"])
            stage.tell("the payment is locked on both channels; cleo has not shown the secret yet")
            ben.signal(signal.SIGSTOP)
            stage.tell("[yellow]ben is stopped (SIGSTOP)[/]; cleo shows the secret, and nobody answers")
            cleo.post(f"/invoices/{made['ref']}/decide", take=True)
            self._wait("cleo to register the secret", lambda: self._has(cleo, "registered"))
            stage.tell(
                "[green]✓[/] cleo registers the secret on L2 before the lock expires: it is paid, whatever ben does"
            )
            ben.signal(signal.SIGCONT)
            stage.tell("ben is back: he learns the secret from the chain, and claims from ann")
            payment = paying.result(TIMEOUT)
        if payment["outcome"] != "paid":
            raise DemoFailed(f"the payment was not paid: {payment['error']}")
        self._wait("no locks", lambda: not ann.channel(self.channels["ann ben"])["locks"])
        self._wait("no locks", lambda: not cleo.channel(self.channels["ben cleo"])["locks"])
        self.paid += 1
        stage.tell("[green]✓[/] paid on both channels, nobody had to close")

    def cheat(self) -> None:
        """Dan closes with an old state while eve is away."""
        stage, dan, eve, name = self.stage, self.nodes["dan"], self.nodes["eve"], self.channels["dan eve"]
        stage.step("Dan closes with an old state while eve is away; her tower is not")
        dan.stop()
        old = copy_database(dan.folder, stage.net.folder / "old")
        stage.tell("dan keeps a copy of his database; by it he has 0.99 ETH of the channel with eve")
        dan.start()
        self._await_connection(dan, name)
        for _ in range(6):
            dan.post(f"/channels/{name}/pay", amount=str(ETHER // 10))
        self.paid += 6
        self._wait("the tower's receipt", lambda: eve.channel(name)["towers"] == 1)
        owed = int(eve.channel(name)["spendable"])
        stage.tell(f"he pays eve 0.6 ETH: she has {owed / ETHER:g} ETH, and her tower's receipt for this state")
        eve.kill()
        dan.kill()
        stage.tell("[yellow]eve is gone (kill -9)[/]; dan closes with his old state")
        account, web3 = self.accounts["dan"], stage.l1.web3
        side = kept_side(old, web3, stage.deployment, _hash(name), address_of(account))
        call = close_call(web3, stage.deployment, side)
        stage.show("dan: ChannelManager.close(old state)", stage.l1, stage.l1.call(account, call))
        rescue = self._wait("the tower", lambda: self.tower.status()["rescues"])[0]
        stage.tell(
            f"[green]✓[/] the tower shows the newer state, for {int(rescue['reward']) / ETHER:g} ETH of what it saves"
        )
        stage.travel(WINDOW)
        self._wait("the settlement", lambda: not self.tower.status()["channels"])
        eve.start("--tower", self.tower.uri)
        had = self._settled(eve, name)
        if had != owed:
            raise DemoFailed(f"eve has {had} wei of the channel, {owed} were hers")
        stage.tell(
            f"[green]✓[/] settled: eve has her {had / ETHER:g} ETH (less the reward), though she was away all the time"
        )
        dan.start()

    def end(self) -> None:
        """All channels are closed together."""
        stage = self.stage
        stage.step("All the others are closed together")
        self._await_clock()
        for pair in ("ann ben", "ben cleo", "cleo dan"):
            one, other = pair.split()
            node, name = self.nodes[one], self.channels[pair]
            self._await_connection(node, name)
            start = time.monotonic()
            node.post(f"/channels/{name}/close", alone=False)
            had = [f"{each} {self._settled(self.nodes[each], name) / ETHER:.4f} ETH" for each in (one, other)]
            took = f"{1_000 * (time.monotonic() - start):,.0f} ms"
            stage.tell(f"[green]✓[/] {', '.join(had)} [dim]{took}[/]")

    def tally(self) -> None:
        """What it took on chain, beside what was paid off chain."""
        stage = self.stage
        stage.step("The tally")
        counts = {name: count - self.before[name] for name, count in self._transactions().items()}
        rows = [(f"transactions of {name}", f"{count}") for name, count in counts.items()]
        transactions, gas = sum(counts.values()), self._gas()
        stage.table(
            "on chain", ("what", "count"), (*rows, ("all", f"{transactions}"), ("gas of the channels", f"{gas:,}"))
        )
        direct = self.paid * TRANSFER_GAS
        stage.table(
            "the same payments",
            ("", "payments", "transactions", "gas", "gas a payment"),
            (
                ("over channels", f"{self.paid:,}", f"{transactions}", f"{gas:,}", f"{gas // self.paid:,}"),
                ("each on chain", f"{self.paid:,}", f"{self.paid:,}", f"{direct:,}", f"{TRANSFER_GAS:,}"),
            ),
        )

    # -- small things

    def _await_clock(self) -> None:
        """L1's clock was moved, and L2's follows with its next block: what is signed until a time must not be late."""
        stage, account = self.stage, development_account(8)
        deposit = stage.contracts.bridge.functions.depositETH(account.address, 100_000, b"")
        stage.l1.call(account, deposit, 2 * ETHER)
        self._await_ether(stage.l2, account)
        block = stage.l2.web3.eth.block_number
        nodes = [self.nodes[name] for name in ("ben", "cleo", "dan")]
        self._wait("the nodes' clocks", lambda: all(self._block(node, "L2") >= block for node in nodes))

    @staticmethod
    def _block(node: ChannelNode, chain: str) -> int:
        return next(int(each["block"]) for each in node.get("/info")["chains"] if each["name"] == chain)

    def _knows_all(self, name: str) -> bool:
        edges = self.nodes[name].get("/network")["edges"]
        return len([edge for edge in edges if edge["is_open"]]) == 2 * len(self.channels)

    def _pay(self, node: ChannelNode, invoice: str) -> dict[str, Any]:
        payment = node.pay(invoice)
        if payment["outcome"] != "paid":
            raise DemoFailed(f"{node.name} could not pay: {payment['error']}")
        self.paid += 1
        return payment

    def _wait(self, what: str, ready: Callable[[], Any]) -> Any:
        return self.stage.wait(what, ready, TIMEOUT)

    @staticmethod
    def _events(node: ChannelNode, kind: str) -> list[dict[str, Any]]:
        return [event for event in node.get("/history?count=1000") if event["kind"] == kind]

    def _has(self, node: ChannelNode, kind: str) -> bool:
        return bool(self._events(node, kind))

    def _settled(self, node: ChannelNode, name: str) -> int:
        """What a node had of a channel, wei, when it has ended."""

        def find() -> list[dict[str, Any]]:
            return [event for event in self._events(node, "settled") if event["channel"] == name]

        return int(self._wait(f"{node.name} to see the end", find)[0]["amount"])

    def _await_connection(self, node: ChannelNode, name: str) -> None:
        self._wait("the connection", lambda: node.channel(name)["is_connected"])

    def _await_ether(self, layer: Layer, account: LocalAccount) -> None:
        self._wait("ether", lambda: layer.web3.eth.get_balance(account.address) > ETHER)

    def _transactions(self) -> dict[str, int]:
        accounts = {**self.accounts, "the tower": Account.from_key(development_account(9).key)}
        layers = self.stage.l1, self.stage.l2
        return {
            name: sum(layer.web3.eth.get_transaction_count(account.address) for layer in layers)
            for name, account in accounts.items()
        }

    def _gas(self) -> int:
        """Of all transactions to the channel contract on both layers."""
        manager = checksum(self.stage.deployment.l1.channel_manager)
        total = 0
        for layer, start in ((self.stage.l1, self.stage.deployment.l1.start_block), (self.stage.l2, 1)):
            logs = layer.web3.eth.get_logs({"address": manager, "fromBlock": start, "toBlock": "latest"})
            hashes = {log["transactionHash"] for log in logs}
            total += sum(layer.web3.eth.get_transaction_receipt(each)["gasUsed"] for each in hashes)
        return total


def _hash(name: str) -> Hash:
    return Hash(bytes.fromhex(name[2:]))
