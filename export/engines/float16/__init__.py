"""The FP16 graph: which operators are in which precision, how it is made, and what rounding does to its answers."""
