// What an application does with ethers: deploy, call, send, read events, estimate. Arguments: RPC URL, private key, artifact.
// Prints one JSON object.
import { readFileSync } from "node:fs";
import { ContractFactory, JsonRpcProvider, Wallet, parseEther } from "ethers";

const [url, key, artifactPath] = process.argv.slice(2);
const artifact = JSON.parse(readFileSync(artifactPath, "utf8"));
// ethers keeps answers for 250 ms, which is a whole block here: a nonce read just before the last block would be used again.
const provider = new JsonRpcProvider(url, undefined, { polling: true, pollingInterval: 100, cacheTimeout: -1 });
const wallet = new Wallet(key, provider);

const token = await new ContractFactory(artifact.abi, artifact.bytecode, wallet).deploy(parseEther("1000"));
await token.waitForDeployment();
const receiver = Wallet.createRandom().address;
const estimate = await token.transfer.estimateGas(receiver, 5n);
const sent = await token.transfer(receiver, 5n);
const receipt = await sent.wait();
const events = await token.queryFilter(token.filters.Transfer(null, receiver), 0, "latest");
let refusal = "";
try {
  await token.transfer.staticCall(receiver, parseEther("10000"));
} catch (error) {
  refusal = error.code;
}
const plain = await (await wallet.sendTransaction({ to: receiver, value: 7n })).wait();
const block = await provider.getBlock(plain.blockNumber, true);
console.log(
  JSON.stringify({
    chainId: Number((await provider.getNetwork()).chainId),
    balance: Number(await token.balanceOf(receiver)),
    estimateCovers: estimate >= receipt.gasUsed,
    events: events.length,
    refusal,
    ether: Number(await provider.getBalance(receiver)),
    typeTwo: sent.type === 2,
    isInItsBlock: block.prefetchedTransactions.some((transaction) => transaction.hash === plain.hash),
    fees: (await provider.getFeeData()).maxFeePerGas > 0n,
  }),
);
provider.destroy();
