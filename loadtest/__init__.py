"""Load: how much a server takes, and how that compares."""
