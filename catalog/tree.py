"""Categories as nodes of a tree: each names its parent, and the path is derived from that."""

from __future__ import annotations

from collections.abc import Mapping

from product_tagger_files.paths import MOST_LEVELS

__all__ = ["MOST_LEVELS", "Parents", "TreeError", "check_tree", "lineage"]

Parents = Mapping[str, str | None]
"""Node id → its parent's id; None for a root."""


class TreeError(ValueError):
    """Parents that make no tree.

    Attributes:
        node: The id of the node to mend.
    """

    def __init__(self, message: str, node: str) -> None:
        """Takes the sentence and the node's id."""
        super().__init__(message)
        self.node = node


def check_tree(parents: Parents) -> None:
    """Checks that every node leads to a root.

    Raises:
        TreeError: A parent is not there, nodes are in a cycle, or a node has more than MOST_LEVELS levels.
    """
    levels: dict[str | None, int] = {None: 0}
    for start in parents:
        climbed: dict[str, None] = {}
        node: str | None = start
        while node not in levels:
            assert node is not None
            if node not in parents:
                child = next(reversed(climbed))
                raise TreeError(f"the category {child!r} has the parent {node!r}, which is not in the taxonomy", child)
            if node in climbed:
                ring = [*climbed][[*climbed].index(node) :]
                raise TreeError(f"categories are below each other in a circle: {' > '.join([*ring, node])}", node)
            climbed[node] = None
            node = parents[node]
        for known in reversed(climbed):
            levels[known] = levels[parents[known]] + 1
            if levels[known] > MOST_LEVELS:
                raise TreeError(f"the category {known!r} lies deeper than {MOST_LEVELS} levels", known)


def lineage(node: str, parents: Parents) -> tuple[str, ...]:
    """The ids from a root down to a node of a checked tree."""
    found = [node]
    while (parent := parents[found[-1]]) is not None:
        found.append(parent)
    return tuple(reversed(found))
