"""The status page: what stands on L1, how each game goes, and what the player has in it."""

from html import escape

from challenger.judge import Judged
from challenger.playing import NextMoves, Playing
from challenger.style import REFRESH, STYLE
from challenger.view import FalseRoot, Game
from challenger.watcher import Snapshot
from tandem.disputes.edges import INFINITE, Level
from tandem.disputes.fronts import Front
from tandem.machine.trace import STEP_DEPTH
from tandem.rollup.assertions import TRACE_DEPTH, Status

ETHER = 10**18
ROUNDS = TRACE_DEPTH + 1 + STEP_DEPTH + 1
"""Answers from a root to a proven step: bisections of level 0, an opening, bisections of level 1, a proof."""
TURNS = {"us": "our move", "them": "their move", "nobody": "the step is proven"}
NEWEST = 50
"""Assertions listed."""


def render(snapshot: Snapshot, playing: Playing | None, alarms: tuple[str, ...]) -> str:
    """The page as HTML."""
    mode = f"plays as <code>{escape(playing.account)}</code>" if playing else "watches only"
    next_moves = {due.parent: due for due in playing.next_moves} if playing else {}
    games = "".join(_game(game, snapshot.window, next_moves.get(game.parent)) for game in snapshot.games)
    return f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Tandem challenger</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head><body><main>
<header><h1>Tandem challenger</h1><span class="soft">{mode}</span></header>
{_banner(snapshot, alarms)}
<div class="tiles">{_tiles(snapshot, playing)}</div>
{f'<p class="doing soft">now: {escape(playing.doing)}</p>' if playing else ""}
{f"<h2>Open games</h2>{games}" if games else ""}
<h2>Assertions</h2><div class="scroll"><table>
<tr><th>verdict</th><th>id</th><th>status</th><th>batches</th><th>L1 block</th><th>by</th></tr>
{"".join(_assertion(judged, snapshot) for judged in snapshot.assertions[: -NEWEST - 1 : -1])}</table></div>
<p class="soft">L2 head hash, derived from L1 alone: <code>{snapshot.head_hash}</code></p>
</main><script>{REFRESH}</script></body></html>"""


def _banner(snapshot: Snapshot, alarms: tuple[str, ...]) -> str:
    if alarms:
        return f'<p class="banner alarm">ALARM: {"<br>".join(map(escape, alarms))}</p>'
    if not snapshot.l1_connected:
        return '<p class="banner alarm">L1 does not answer.</p>'
    return '<p class="banner">Every assertion that stands on L1 agrees with the chain derived here.</p>'


def _tiles(snapshot: Snapshot, playing: Playing | None) -> str:
    tiles = [
        ("L2 head", f"{snapshot.head:,}"),
        ("batches", f"{snapshot.batches:,}"),
        ("L1 block", f"{snapshot.l1_cursor:,}"),
        ("open games", str(len(snapshot.games))),
    ]
    if playing is not None:
        tiles += [
            ("balance", ether(playing.balance)),
            ("in bonds", ether(playing.at_stake)),
            ("gas paid since the start", ether(playing.spent)),
            ("credited, to be fetched", ether(playing.credit)),
            ("moves made", f"{playing.moves:,}"),
        ]
    return "".join(f'<div class="tile"><b>{value}</b><span>{name}</span></div>' for name, value in tiles)


def _game(game: Game, window: int, due: NextMoves | None) -> str:
    own = "not on L1 yet" if game.own is None else f"<code>{_short(game.own)}</code>"
    status = game.status.name.lower()
    wrong = "".join(_false_root(root, window) for root in game.false_roots)
    return f"""<section class="card"><div class="row"><b>Children of <code>{_short(game.parent)}</code></b>
<span class="soft">{game.edges:,} edges</span></div>
<div class="side"><div class="row"><span>right: {own} <span class="tag {status}">{status}</span></span>
<span>{_clock(game.timer, window)}</span></div>{_bar("right", game.timer, window)}</div>
{wrong}{_next(due)}</section>"""


def _false_root(root: FalseRoot, window: int) -> str:
    status = root.status.name.lower()
    return f"""<div class="side"><div class="row"><span>wrong: <code>{_short(root.assertion)}</code>
by <code>{escape(root.asserter[:10])}…</code> <span class="tag {status}">{status}</span></span>
<span>{_clock(root.timer, window)}</span></div>{_bar("wrong", root.timer, window)}
{_front(root.front) if root.front and root.status == Status.PENDING else ""}</div>"""


def _front(front: Front) -> str:
    done = depth(front)
    mark = 100 * (TRACE_DEPTH + 1) / ROUNDS
    return f"""<div class="row soft"><span>level {front.level}, height {front.height}, index {front.index:,}</span>
<span>{TURNS[front.turn]}, {done} of {ROUNDS} answered</span></div>
<div class="bar depth"><i style="width:{100 * done / ROUNDS:.1f}%"></i><u style="left:{mark:.1f}%"></u></div>"""


def depth(front: Front) -> int:
    """Answers of the right side on the way down to a front, the one there included if it is made."""
    above = TRACE_DEPTH if front.level == Level.TRACE else TRACE_DEPTH + 1 + STEP_DEPTH
    return above - front.height + (front.turn != "us")


def _next(due: NextMoves | None) -> str:
    if due is None or not due.count:
        return ""
    more = f"<li>and {due.count - len(due.first):,} more</li>" if due.count > len(due.first) else ""
    return f"<p class='doing soft'>due:</p><ul>{''.join(f'<li>{escape(move)}</li>' for move in due.first)}{more}</ul>"


def _bar(kind: str, timer: int, window: int) -> str:
    return f'<div class="bar {kind}"><i style="width:{min(100.0, 100 * timer / max(window, 1)):.1f}%"></i></div>'


def _clock(timer: int, window: int) -> str:
    return "proven" if timer >= INFINITE else f"{timer:,} of {window:,} s"


def _assertion(judged: Judged, snapshot: Snapshot) -> str:
    status = "confirmed" if judged.is_confirmed else "rejected" if judged.id in snapshot.rejected else "pending"
    return (
        f'<tr><td><span class="tag {judged.verdict}">{judged.verdict}</span></td>'
        f"<td><code>{_short(judged.id)}</code></td><td>{status}</td><td>{judged.opening.state.batches:,}</td><td>{judged.l1_block:,}</td>"
        f"<td><code>{escape(judged.asserter[:10])}…</code></td></tr>"
    )


def _short(digest: bytes) -> str:
    return f"0x{digest[:8].hex()}…"


def ether(wei: int) -> str:
    """An amount for people."""
    return f"{wei / ETHER:,.4f} ETH"
