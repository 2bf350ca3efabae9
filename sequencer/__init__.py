"""The sequencer daemon: takes transactions, builds blocks, posts batches, makes assertions.

rpc process (ingest)                    engine process (the only writer)
HTTP, WebSocket, decoding,   ◀──bus──▶  mempool ▶ builder ▶ store ▶ batcher, asserter ──▶ L1
signatures, reads                       ▲────────────── inbox follower ◀─────────────────── L1
        └──────────── reads ──────────▶ LMDB
"""
