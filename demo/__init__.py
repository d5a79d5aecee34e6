"""The demonstration: every stage, once, on the built-in catalogue, and its answers to a few products."""
