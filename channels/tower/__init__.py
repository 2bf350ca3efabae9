"""The watchtower: watches channels for nodes that are away, and defeats old states on chain."""
