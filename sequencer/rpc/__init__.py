"""The rpc process: JSON-RPC over HTTP and WebSocket. Reads come from the store, transactions go to the engine.

http, sockets ──▶ dispatch ──▶ methods/ ──▶ store (read only)
                                  └─ submit ──▶ bus ──▶ engine
bus events ──▶ publish ──▶ subscriptions, filters
"""

from sequencer.rpc.config import Limits, RpcConfig
from sequencer.rpc.server import run_rpc

__all__ = ["Limits", "RpcConfig", "run_rpc"]
