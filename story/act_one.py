"""Act one: two layers, and value that moves between them."""

import time
from typing import Any

from web3.exceptions import Web3RPCError
from web3.logs import DISCARD

from story.stage import ETHER, ROOT, DemoFailed, Stage
from story.withdrawal import assertion_after, finalize
from tandem.batch.packed import unpack
from tandem.batch.payload import decode_batch
from tandem.chain.spec import MESSAGE_PASSER, TOKEN_FACTORY
from tandem.l1.contracts import abi, checksum

CORE = ROOT / "node_modules" / "@uniswap" / "v2-core" / "build"
PERIPHERY = ROOT / "node_modules" / "@uniswap" / "v2-periphery" / "build"
TRANSFERS = 400
"""Transfers in the burst."""
L1_TRANSFER_GAS = 21_000
DEADLINE = 2**40


def play(stage: Stage) -> None:
    """The whole act."""
    act = _ActOne(stage)
    act.deposit_ether()
    act.deposit_token()
    act.burst_of_transfers()
    act.exchange()
    act.batches()
    act.withdraw()
    act.force()
    act.tally()


class _ActOne:
    """The steps, in order; what an earlier one made, a later one uses."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.factory = stage.predeploy("TokenFactory", TOKEN_FACTORY)
        self.passer = stage.predeploy("MessagePasser", MESSAGE_PASSER)
        self.rows: list[tuple[str, bytes, int]] = []
        """(what, its hash on L2, gas of the same on L1)."""
        self.l1_gas: dict[bytes, float] = {}
        """L2 transaction -> its share of its batch's gas on L1, by its packed size."""

    def deposit_ether(self) -> None:
        """ETH from L1 to L2."""
        stage = self.stage
        stage.step("Deposit ETH from L1 to L2")
        deposit = stage.contracts.bridge.functions.depositETH
        before = stage.l2.web3.eth.get_balance(stage.alice.address)
        start = time.perf_counter()
        for person, receiver, amount in (
            (stage.alice, stage.alice, 50 * ETHER),
            (stage.bob, stage.bob, 20 * ETHER),
            (stage.alice, stage.carol, 5 * ETHER),
        ):
            sent = stage.l1.call(person, deposit(receiver.address, 100_000, b""), amount)
            stage.show(f"deposit of {amount // ETHER} ETH", stage.l1, sent)
        stage.wait("the deposits on L2", lambda: stage.l2.web3.eth.get_balance(stage.carol.address))
        if stage.l2.web3.eth.get_balance(stage.alice.address) != before + 50 * ETHER:
            raise DemoFailed("alice's deposit is not what she sent")
        stage.tell(f"minted on L2 {(time.perf_counter() - start) * 1000:,.0f} ms after the first was sent")

    def deposit_token(self) -> None:
        """An ERC-20 from L1 to L2."""
        stage = self.stage
        stage.step("Deposit an ERC-20 from L1 to L2")
        self.l1_token, sent = stage.l1.deploy(stage.alice, CORE / "ERC20.json", 1_000_000 * ETHER)
        stage.show("deploy the token", stage.l1, sent)
        bridge = stage.contracts.token_bridge
        amount = 10_000 * ETHER
        stage.show(
            "approve", stage.l1, stage.l1.call(stage.alice, self.l1_token.functions.approve(bridge.address, amount))
        )
        deposit = bridge.functions.depositERC20(self.l1_token.address, stage.alice.address, amount)
        stage.show("deposit of 10,000 tokens", stage.l1, stage.l1.call(stage.alice, deposit))
        erc20_of = self.factory.functions.erc20Of(self.l1_token.address)
        address = stage.wait("the token on L2", lambda: int(erc20_of.call(), 16) and erc20_of.call())
        self.token = stage.l2.web3.eth.contract(address=address, abi=abi("BridgedERC20"))
        balance = stage.wait("the balance on L2", lambda: self.token.functions.balanceOf(stage.alice.address).call())
        stage.tell(f"alice holds {balance // ETHER:,} of the wrapped token {address} on L2")

    def burst_of_transfers(self) -> None:
        """Many transfers on L2, and one each for the table."""
        stage = self.stage
        stage.step(f"Transfers on L2, {TRANSFERS} of them in a burst")
        one = stage.l2.send(stage.alice, {"to": stage.bob.address, "value": ETHER, "gas": 100_000})
        stage.show("alice pays bob 1 ETH", stage.l2, one)
        self.rows.append(("ETH transfer", one.hash, L1_TRANSFER_GAS))
        token = stage.l2.call(stage.alice, self.token.functions.transfer(stage.bob.address, ETHER))
        stage.show("alice pays bob 1 token", stage.l2, token)
        on_l1 = stage.l1.call(stage.alice, self.l1_token.functions.transfer(stage.bob.address, ETHER))
        self.rows.append(("ERC-20 transfer", token.hash, on_l1.gas))
        nonce = stage.l2.web3.eth.get_transaction_count(stage.alice.address)
        start = time.perf_counter()
        for index in range(TRANSFERS):
            receiver = checksum((0x7A << 152 | index % 100).to_bytes(20, "big"))
            request = {"to": receiver, "value": 10**14 + index, "gas": 100_000}
            last = stage.l2.submit(stage.alice, request, nonce + index)
        stage.l2.wait_for(last)
        seconds = time.perf_counter() - start
        stage.tell(
            f"{TRANSFERS} transfers, one HTTP request each, in {seconds:.1f} s: {TRANSFERS / seconds:,.0f} a second"
        )

    def exchange(self) -> None:
        """Uniswap V2, from its published artifacts."""
        stage = self.stage
        stage.step("Uniswap V2 on L2, from its published artifacts")
        alice = stage.alice
        weth, sent = stage.l2.deploy(alice, PERIPHERY / "WETH9.json")
        stage.show("deploy WETH9", stage.l2, sent)
        exchange, sent = stage.l2.deploy(alice, CORE / "UniswapV2Factory.json", alice.address)
        stage.show("deploy the factory", stage.l2, sent)
        router, sent = stage.l2.deploy(alice, PERIPHERY / "UniswapV2Router02.json", exchange.address, weth.address)
        stage.show("deploy the router", stage.l2, sent)
        pooled = 5_000 * ETHER
        stage.show("approve", stage.l2, stage.l2.call(alice, self.token.functions.approve(router.address, pooled)))
        add = router.functions.addLiquidityETH(self.token.address, pooled, 0, 0, alice.address, DEADLINE)
        stage.show("create the pair, add 5,000 tokens and 10 ETH", stage.l2, stage.l2.call(alice, add, 10 * ETHER))
        before = self.token.functions.balanceOf(stage.bob.address).call()
        swap = router.functions.swapExactETHForTokens(
            0, [weth.address, self.token.address], stage.bob.address, DEADLINE
        )
        sent = stage.l2.call(stage.bob, swap, ETHER)
        stage.show("bob swaps 1 ETH", stage.l2, sent)
        self.rows.append(("Uniswap V2 swap (*)", sent.hash, sent.gas))
        got = self.token.functions.balanceOf(stage.bob.address).call() - before
        if not got:
            raise DemoFailed("the swap gave nothing")
        stage.tell(f"bob got {got / ETHER:,.2f} tokens")

    def batches(self) -> None:
        """What of this is on L1."""
        stage = self.stage
        stage.step("Batches on L1")
        head = stage.l2.web3.eth.block_number
        stage.wait("every block is in a batch", lambda: stage.l2.web3.eth.get_block("safe")["number"] >= head)
        rows = []
        self.batch_bytes = self.batch_transactions = 0
        for index in range(int(stage.sync_status()["batches"], 16)):
            batch = stage.request("tandem_getBatch", hex(index), True)
            gas = stage.l1.web3.eth.get_transaction_receipt(batch["l1"]["transactionHash"])["gasUsed"]
            count = self._share(bytes.fromhex(batch["data"][2:]), gas)
            size = int(batch["size"], 16)
            self.batch_bytes += size
            self.batch_transactions += count
            blocks = f"{int(batch['firstBlock'], 16)}..{int(batch['lastBlock'], 16)}"
            rows.append((str(index), blocks, str(count), f"{size:,}", f"{gas:,}", f"{gas / max(count, 1):,.0f}"))
        stage.table("Batches", ("batch", "blocks", "transactions", "bytes", "L1 gas", "gas each"), rows)
        challenger = stage.wait("the challenger has derived them", lambda: self._challenger_at(head))
        own = stage.l2.web3.eth.get_block(challenger["head"])["hash"].to_0x_hex()
        if challenger["head_hash"] != own:
            raise DemoFailed("the challenger derived another chain")
        stage.tell(f"the challenger derived block {challenger['head']} from L1 alone, with the same hash {own[:18]}…")

    def _share(self, data: bytes, gas: int) -> int:
        """Share a batch's gas among its transactions by their packed size. Returns how many there are."""
        packed = [item for block in decode_batch(data) for item in block.transactions]
        total = sum(len(item) for item in packed)
        for item in packed:
            self.l1_gas[unpack(item, self.stage.l2.chain_id).hash] = gas * len(item) / total
        return len(packed)

    def _challenger_at(self, number: int) -> dict[str, Any] | None:
        status = self.stage.net.challenger_status()
        return status if status is not None and status["head"] >= number else None

    def withdraw(self) -> None:
        """ETH and tokens back to L1."""
        stage = self.stage
        stage.step("Withdraw to L1: initiate, assert, wait out the window, finalise")
        amount = 2 * ETHER
        out = stage.l2.call(
            stage.bob, self.passer.functions.initiateWithdrawal(stage.bob.address, 100_000, b""), amount
        )
        stage.show("bob withdraws 2 ETH", stage.l2, out)
        tokens = 100 * ETHER
        withdraw = self.factory.functions.withdrawERC20(self.token.address, stage.alice.address, tokens, 200_000)
        out_token = stage.l2.call(stage.alice, withdraw)
        stage.show("alice withdraws 100 tokens", stage.l2, out_token)
        number = max(out.receipt["blockNumber"], out_token.receipt["blockNumber"])
        assertion = stage.wait("an assertion that contains them", lambda: assertion_after(stage, number))
        stage.tell(f"assertion 0x{assertion.opening.id().hex()[:16]}… covers L2 up to block {assertion.number}")
        verdict = stage.wait("the challenger's verdict", lambda: self._verdict(assertion.opening.id().hex()))
        stage.tell(f"the challenger says: {verdict}")
        window = stage.deployment.l1.challenge_window
        stage.travel(window + 1)
        stage.tell(f"the window of {window:,} s passes (time travel on L1)")
        is_confirmed = stage.contracts.rollup.functions.isConfirmed(assertion.opening.id())
        stage.wait("the assertion is confirmed", lambda: is_confirmed.call())
        ether_before = stage.l1.web3.eth.get_balance(stage.bob.address)
        token_before = self.l1_token.functions.balanceOf(stage.alice.address).call()
        for what, sent in (("bob's ETH", out), ("alice's tokens", out_token)):
            [event] = self.passer.events.MessagePassed().process_receipt(sent.receipt, errors=DISCARD)
            stage.show(f"dave finalises {what}", stage.l1, finalize(stage, assertion, event["args"]))
        if stage.l1.web3.eth.get_balance(stage.bob.address) != ether_before + amount:
            raise DemoFailed("bob's ether did not arrive")
        if self.l1_token.functions.balanceOf(stage.alice.address).call() != token_before + tokens:
            raise DemoFailed("alice's tokens did not arrive")
        stage.tell("bob has 2 ETH more on L1, alice 100 tokens")

    def _verdict(self, assertion: str) -> str | None:
        status = self.stage.net.challenger_status() or {"assertions": []}
        verdicts = {item["id"]: item["verdict"] for item in status["assertions"]}
        verdict = verdicts.get("0x" + assertion)
        return verdict if verdict != "open" else None

    def force(self) -> None:
        """A transaction that the sequencer refuses."""
        stage = self.stage
        stage.step("The sequencer refuses carol; L1 does not")
        carol, l2 = stage.carol, stage.l2
        try:
            l2.submit(carol, {"to": stage.dave.address, "value": ETHER, "gas": 100_000})
        except Web3RPCError as error:
            stage.tell(f"[yellow]refused by the sequencer:[/] {error.rpc_response['error']['message']}")  # type: ignore[index]
        else:
            raise DemoFailed("the sequencer took what it was told to refuse")
        inbox = stage.contracts.inbox.functions
        forced = inbox.depositTransaction(stage.dave.address, ETHER, 100_000, False, b"")
        stage.show("carol sends it through L1's inbox", stage.l1, stage.l1.call(carol, forced))
        before = l2.web3.eth.get_balance(stage.dave.address)
        stage.travel(stage.deployment.l1.force_inclusion_delay + 1)
        stage.tell("the sequencer leaves it out; the force-inclusion delay passes (time travel on L1)")
        stage.show("dave calls forceInclude()", stage.l1, stage.l1.call(stage.dave, inbox.forceInclude()))
        stage.wait("carol's transaction on L2", lambda: l2.web3.eth.get_balance(stage.dave.address) == before + ETHER)
        stage.tell("dave has carol's 1 ETH on L2: the sequencer had to take it in")

    def tally(self) -> None:
        """The table at the end."""
        stage = self.stage
        stage.step("What it came to")
        head = stage.l2.web3.eth.block_number
        stage.wait("L1 has every block", lambda: stage.l2.web3.eth.get_block("safe")["number"] >= head)
        stage.table(
            "L1 gas of an L2 transaction (its share of its batch), beside the same on L1",
            ("transaction", "L1 gas, via L2", "L1 gas, on L1", "ratio"),
            [
                (what, f"{self.l1_gas[digest]:,.0f}", f"{on_l1:,}", f"{on_l1 / self.l1_gas[digest]:,.1f} x")
                for what, digest, on_l1 in self.rows
            ],
        )
        stage.tell("(*) not run on L1: the gas it used on L2")
        stage.tell(f"{self.batch_bytes / self.batch_transactions:.0f} bytes on L1 a transaction, signatures included")
        status = stage.sync_status()
        heads = [
            (name, str(int(status[name]["number"], 16)), status[name]["hash"])
            for name in ("latest", "safe", "finalized")
        ]
        stage.table("Heads", ("head", "block", "hash"), heads)
        self._money()

    def _money(self) -> None:
        stage = self.stage
        escrow, supply = _settle(stage)
        stage.table(
            "Money",
            ("what", "wei"),
            [("ETH held by the bridge on L1", f"{escrow:,}"), ("ETH that exists on L2", f"{supply:,}")],
        )
        if escrow != supply:
            raise DemoFailed("escrow and supply differ")
        token_escrow = self.l1_token.functions.balanceOf(stage.contracts.token_bridge.address).call()
        token_supply = self.token.functions.totalSupply().call()
        if token_escrow != token_supply:
            raise DemoFailed(f"token escrow {token_escrow} and supply {token_supply} differ")
        stage.tell("[green]escrow == supply[/], for ETH and for the token")


def _settle(stage: Stage) -> tuple[int, int]:
    """(escrow on L1, supply on L2) in wei. All withdrawals of the story are finalised: what the message passer holds is
    what has left L2."""
    escrow = stage.l1.web3.eth.get_balance(stage.contracts.bridge.address)
    total = int(stage.request("tandem_supply")["supply"], 16)
    left = stage.l2.web3.eth.get_balance(checksum(MESSAGE_PASSER))
    return escrow, total - left
