"""Catalogue → checkpoint: fine-tunes BERT on prepared products, evaluates it and reports."""

import os

# Read when PyTorch is loaded. By default its threads spin while they wait for each other; where anything else wants a
# core, the one that is waited for is the one that was put aside, and a step takes several times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# Large blocks of memory in large pages: the gradients of a whole vocabulary are asked for anew at every step, and a
# tenth of its time would go into laying out small ones.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
