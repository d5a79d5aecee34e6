"""How the rows of a batch are divided into runs of the graph.

A run costs a fixed amount (calling the graph, its small operations) and an amount for each padded token: the number of
rows times the longest of them. Few large runs pay for padding, many small ones for calls. Rows sorted by length pad
least, so a run is always a stretch of the sorted rows; where to cut is found exactly, by dynamic programming over the
sorted lengths.
"""

from __future__ import annotations

from typing import Any

import numpy as np

RUN_OVERHEAD_TOKENS = 7
"""What one more run costs, in tokens: measured for a 6-layer MiniLM in INT8; larger models have a smaller one.

In two processes that do nothing else 4 is best, in the server, where the weights leave the caches between runs, 8 to
16; each by 1 to 3 %. With 7, less than 5 % of real titles is padding whatever the batch, with 8 no longer
(docs/experiments/batches-and-processes.md).
"""

TOKEN_BUDGET = 512
"""Most padded tokens (rows × longest row) of a run: what is computed at once then stays in the processor's caches."""


def plan_runs(lengths: Any, token_budget: int = TOKEN_BUDGET, overhead: int = RUN_OVERHEAD_TOKENS) -> list[Any]:
    """Divides rows into runs so that the estimated cost, overhead + rows × longest row over all runs, is least.

    Args:
        lengths: Tokens of each row, int [N]; N may be 0.
        token_budget: Most padded tokens of a run. A row longer than it gets a run of its own.
        overhead: Cost of a run besides its padded tokens, in tokens.

    Returns:
        One int array of row numbers a run, the longest rows first; every row is in exactly one.
    """
    order = np.argsort(-np.asarray(lengths), kind="stable")
    longest_first: list[int] = np.asarray(lengths)[order].tolist()
    count = len(longest_first)
    # cheapest[i]: the least cost of the rows from i on; ends[i]: where the run that begins at i ends in it. A run costs
    # its first row's length times its rows, as that row is its longest.
    cheapest = [0] * (count + 1)
    ends = [count] * (count + 1)
    for start in range(count - 1, -1, -1):
        length = longest_first[start]
        most = max(1, token_budget // max(1, length))
        best, best_end = None, start + 1
        for end in range(start + 1, min(count, start + most) + 1):
            cost = overhead + length * (end - start) + cheapest[end]
            if best is None or cost <= best:
                best, best_end = cost, end
        cheapest[start], ends[start] = best or 0, best_end
    runs = []
    start = 0
    while start < count:
        runs.append(order[start : ends[start]])
        start = ends[start]
    return runs
