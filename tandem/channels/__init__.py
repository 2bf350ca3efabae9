"""Payment channels as pure rules: what the parties sign, and what it comes to on chain (contracts/channels)."""
