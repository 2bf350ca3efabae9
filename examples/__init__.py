"""Programs to start from, one a folder."""
