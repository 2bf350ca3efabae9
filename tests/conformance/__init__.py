"""Official Ethereum state tests against the execution layer."""
