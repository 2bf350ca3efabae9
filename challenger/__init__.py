"""The challenger daemon: derives L2 from L1 alone and judges every assertion made there.

L1 ──▶ inbox reader ──▶ follower ──▶ own store ──▶ judge ──▶ alarm, status page, metrics
"""
