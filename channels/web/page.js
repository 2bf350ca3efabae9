// The node's page: asks its REST interface with the token from the address (#token=...), and again whenever something happens.

const at = (id) => document.getElementById(id);
const EVERY = 3000; // ms between two looks where nothing happens
const SHOWN = 12; // rows of payments, invoices and history

let token = new URLSearchParams(location.hash.slice(1)).get("token") ?? sessionStorage.getItem("token");
let refreshing = false;
let again = false;

async function ask(path, body) {
  const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
  const answer = await fetch(`/v1${path}`, body ? { method: "POST", headers, body: JSON.stringify(body) } : { headers });
  const content = await answer.json();
  if (answer.status === 401) login();
  if (!answer.ok) throw new Error(content.message);
  return content;
}

function login() {
  at("login").hidden = false;
  at("main").hidden = true;
}

// -- words

function amount(units, symbol = "ETH", decimals = 18) {
  const value = BigInt(units), one = 10n ** BigInt(decimals);
  if (value !== 0n && value < one / 1000000n) return `${value.toLocaleString("en")} ${symbol === "ETH" ? "wei" : "units"}`;
  const rest = (value % one).toString().padStart(decimals, "0").slice(0, 6).replace(/0+$/, "");
  return `${(value / one).toLocaleString("en")}${rest ? "." + rest : ""} ${symbol}`;
}

function wei(text) {
  const found = /^(\d+)(?:\.(\d{1,18}))?$/.exec(text.trim());
  if (!found) throw new Error(`${text} is no amount: try 0.01`);
  return (BigInt(found[1]) * 10n ** 18n + BigInt((found[2] ?? "").padEnd(18, "0"))).toString();
}

const short = (name) => (name ?? "").slice(0, 10);
const clock = (seconds) => new Date(seconds * 1000).toLocaleTimeString();

function row(...cells) {
  const line = document.createElement("tr");
  for (const cell of cells) {
    const place = document.createElement("td");
    if (cell instanceof Node) place.append(cell);
    else if (Array.isArray(cell)) {
      place.className = cell[1];
      place.textContent = cell[0];
    } else place.textContent = cell;
    line.append(place);
  }
  return line;
}

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

// -- what there is

async function refresh() {
  if (!token) return login();
  if (refreshing) {
    again = true;
    return;
  }
  refreshing = true;
  try {
    const names = ["/info", "/channels", `/payments?count=${SHOWN}`, `/invoices?count=${SHOWN}`, `/history?count=${SHOWN}`, "/network"];
    const [info, channels, payments, invoices, history, network] = await Promise.all(names.map((name) => ask(name)));
    sessionStorage.setItem("token", token);
    at("login").hidden = true;
    at("main").hidden = false;
    showInfo(info);
    showChannels(channels);
    showPayments(payments, info);
    showInvoices(invoices);
    showHistory(history);
    showNetwork(network, info, payments[0]);
  } catch (reason) {
    at("state").textContent = `the node does not answer as it should: ${reason.message}`;
    at("state").className = "bad";
  }
  refreshing = false;
  if (again) {
    again = false;
    refresh();
  }
}

function showInfo(info) {
  at("uri").textContent = info.node;
  at("state").textContent = `account ${info.address} · ${info.channels} channels · ${info.neighbours} neighbours`;
  at("state").className = "";
  at("chains").replaceChildren(...info.chains.map((chain) => element("div", { className: "chain" },
    element("b", { className: chain.name, textContent: chain.name }), ` ${amount(chain.balance)}`,
    element("span", { textContent: chain.is_reachable ? `block ${chain.block.toLocaleString("en")}` : "does not answer" }),
    element("span", { textContent: `${chain.gas_used.toLocaleString("en")} gas in ${chain.transactions} transactions` }))));
  for (const choice of document.querySelectorAll("select[name=chain]")) {
    if (choice.options.length !== info.chains.length)
      choice.replaceChildren(...info.chains.map((chain) => element("option", { textContent: chain.name })));
  }
}

function bar(channel) {
  const parts = { ours: BigInt(channel.spendable), locked: 0n, theirs: BigInt(channel.receivable) };
  for (const lock of channel.locks) parts.locked += BigInt(lock.amount);
  const total = parts.ours + parts.locked + parts.theirs || 1n;
  const made = element("div", { className: "bar", title: "ours, locked, theirs" });
  for (const [name, part] of Object.entries(parts)) {
    const piece = element("i", { className: name });
    piece.style.width = `${Number((part * 1000n) / total) / 10}%`;
    made.append(piece);
  }
  return made;
}

function showChannels(channels) {
  at("no-channels").hidden = channels.length > 0;
  at("channels").replaceChildren(...channels.map((channel) => {
    const unit = [channel.symbol, channel.decimals];
    const isOpen = channel.status === "open" && !channel.trouble;
    let state = isOpen ? (channel.is_connected ? "open" : "open, not connected") : channel.trouble ?? channel.status;
    if (channel.settle_at) state = `${channel.status} until ${clock(channel.settle_at)}`;
    const buttons = element("span");
    if (isOpen) {
      buttons.append(
        act("close", `/channels/${channel.id}/close`, { alone: false }), " ",
        act("alone", `/channels/${channel.id}/close`, { alone: true }));
    }
    return row(short(channel.id), [channel.chain, channel.chain], short(channel.other_node ?? channel.other),
      [state, channel.trouble ? "bad" : ""], [amount(channel.spendable, ...unit), "number"], bar(channel),
      [amount(channel.receivable, ...unit), "number"], channel.locks.length, channel.towers, buttons);
  }));
}

function act(label, path, body) {
  const button = element("button", { type: "button", textContent: label });
  button.onclick = async () => {
    if (!confirm(`${label}: are you sure?`)) return;
    button.disabled = true;
    try {
      await ask(path, body);
    } catch (reason) {
      alert(reason.message);
    }
    refresh();
  };
  return button;
}

function showPayments(payments, info) {
  at("no-payments").hidden = payments.length > 0;
  const names = new Map([[info.address, "we"]]);
  at("payments").replaceChildren(...payments.map((payment) => {
    const way = payment.way.map((hop) => names.get(hop.source) ?? short(hop.source));
    if (payment.way.length) way.push(short(payment.way.at(-1).target));
    const outcome = payment.outcome === "paid" ? way.join(" → ") : `${payment.outcome}: ${payment.error || way.join(" → ")}`;
    return row(clock(payment.created), payment.description, [amount(payment.amount), "number"],
      [amount(payment.fee), "number"], [outcome, payment.outcome === "failed" ? "bad" : ""]);
  }));
}

function showInvoices(invoices) {
  at("invoices").replaceChildren(...invoices.map((invoice) => {
    const isOver = invoice.expires * 1000 < Date.now();
    const state = invoice.paid ? "paid" : invoice.is_waiting ? "held" : isOver ? "expired" : "open";
    return row(clock(invoice.created), invoice.description, [amount(invoice.amount), "number"], [state, state === "paid" ? "good" : ""]);
  }));
}

function showHistory(history) {
  at("history").replaceChildren(...history.map(({ time, kind, ...fields }) => {
    const details = Object.entries(fields).filter(([, value]) => value !== "").map(([name, value]) =>
      `${name} ${String(value).startsWith("0x") ? short(value) : name === "amount" || name === "fee" ? amount(value) : value}`);
    return row(clock(time), kind, details.join(", "));
  }));
}

function showNetwork(network, info, last) {
  const addresses = [...new Set([info.address, ...network.edges.flatMap((edge) => [edge.source, edge.target])])].sort();
  const places = new Map(addresses.map((address, index) => {
    const angle = (2 * Math.PI * index) / addresses.length - Math.PI / 2;
    return [address, [90 * Math.cos(angle), 78 * Math.sin(angle)]];
  }));
  const way = new Set(last?.outcome === "paid" ? last.way.map((hop) => hop.channel) : []);
  const drawn = new Set();
  const parts = [];
  for (const edge of network.edges) {
    if (drawn.has(edge.channel)) continue;
    drawn.add(edge.channel);
    const [[x1, y1], [x2, y2]] = [places.get(edge.source), places.get(edge.target)];
    const line = draw("line", { x1, y1, x2, y2, class: `${edge.chain} ${edge.is_open ? "" : "off"} ${way.has(edge.channel) ? "way" : ""}` });
    line.append(draw("title", {}, `${edge.chain} ${short(edge.channel)}: ${edge.fee_base} + ${edge.fee_ppm} ppm`));
    parts.push(line);
  }
  for (const [address, [x, y]] of places) {
    const isMe = address === info.address;
    parts.push(draw("g", { class: isMe ? "me" : "" }, draw("circle", { cx: x, cy: y, r: 7 }),
      draw("text", { x, y: y + (y < 0 ? -11 : 15) }, isMe ? "we" : short(address))));
  }
  at("network").replaceChildren(...parts);
}

function draw(tag, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

// -- what the owner does

function onSubmit(id, send) {
  const form = at(id), output = form.querySelector("output"), button = form.querySelector("button");
  form.onsubmit = async (event) => {
    event.preventDefault();
    button.disabled = true;
    output.className = "";
    output.textContent = "…";
    try {
      output.textContent = await send(Object.fromEntries(new FormData(form)));
    } catch (reason) {
      output.className = "bad";
      output.textContent = reason.message;
    }
    button.disabled = false;
    refresh();
  };
}

onSubmit("pay", async ({ invoice }) => {
  const payment = await ask("/payments", { invoice: invoice.trim() });
  if (payment.outcome !== "paid") throw new Error(`not paid: ${payment.error}`);
  return `paid ${amount(payment.amount)} over ${payment.way.length} hops, fee ${amount(payment.fee)}`;
});
onSubmit("ask", async (form) => (await ask("/invoices", { ...form, amount: wei(form.amount) })).invoice);
onSubmit("open", async (form) => {
  const opened = await ask("/channels", { ...form, amount: wei(form.amount) });
  return `channel ${short(opened.id)} is open; it can be used when the deposit is confirmed`;
});
at("login").onsubmit = (event) => {
  event.preventDefault();
  token = new FormData(at("login")).get("token");
  refresh();
  follow();
};
at("copy").onclick = () => navigator.clipboard.writeText(at("uri").textContent);

// -- what happens

async function follow() {
  while (token) {
    try {
      const answer = await fetch("/v1/events", { headers: { Authorization: `Bearer ${token}` } });
      if (!answer.ok) return;
      for (const reader = answer.body.getReader(); ; ) {
        const { done } = await reader.read();
        if (done) break;
        refresh();
      }
    } catch {
      at("state").textContent = "the node does not answer: is it running?";
      at("state").className = "bad";
    }
    await new Promise((resolve) => setTimeout(resolve, EVERY));
  }
}

if (location.hash) history.replaceState(null, "", location.pathname);
refresh();
follow();
setInterval(refresh, EVERY);
