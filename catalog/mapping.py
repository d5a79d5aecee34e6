"""Proposes for each category of one taxonomy a node of another, by the words of their names and paths."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix, vstack
from sklearn.feature_extraction.text import TfidfVectorizer

from catalog.look_alikes import label_words
from catalog.taxonomy import Taxonomy
from product_tagger_files.paths import PATH_SEPARATOR

NAME_SHARE = 0.6
"""How much the last level's words count beside those of the whole path."""
_BLOCK = 256


@dataclass(frozen=True)
class Proposal:
    """What a category may be in another taxonomy.

    Attributes:
        category: Its id.
        path: Its path.
        node: The proposed node's id; empty where no word is shared.
        node_path: The node's path.
        confidence: Likeness of the words, 0 to 1. It is no probability.
    """

    category: str
    path: str
    node: str
    node_path: str
    confidence: float


def propose(source: Taxonomy, target: Taxonomy) -> Iterator[Proposal]:
    """Compares each category with all nodes of another taxonomy.

    Rare words count more (IDF over both taxonomies). Synonyms count as words of the last level.

    Yields:
        The most alike node of each category, in the source's order; of equals the first.
    """
    own, others = list(source.parents), list(target.parents)
    own_vectors, other_vectors = _vectors([(source, own), (target, others)])
    for start in range(0, len(own), _BLOCK):
        alike = (own_vectors[start : start + _BLOCK] @ other_vectors.T).toarray()
        for row, category in zip(alike, own[start:], strict=False):
            best = int(np.argmax(row))
            path = PATH_SEPARATOR.join(source.path(category))
            if row[best] <= 0:
                yield Proposal(category, path, "", "", 0.0)
            else:
                node = others[best]
                yield Proposal(category, path, node, PATH_SEPARATOR.join(target.path(node)), round(float(row[best]), 3))


def _vectors(taxonomies: Sequence[tuple[Taxonomy, list[str]]]) -> tuple[csr_matrix, csr_matrix]:
    """A vector for each node, whose products are the weighted likeness of names and of paths."""
    words = [[_words_of(taxonomy, node) for node in nodes] for taxonomy, nodes in taxonomies]
    vectorizer = TfidfVectorizer(analyzer=list, sublinear_tf=True)
    vectorizer.fit([path for nodes in words for _, path in nodes])
    names, paths = ([vectorizer.transform([entry[part] for entry in nodes]) for nodes in words] for part in (0, 1))
    weights = np.sqrt(NAME_SHARE), np.sqrt(1 - NAME_SHARE)
    both = [
        vstack([weights[0] * name.T, weights[1] * path.T]).T.tocsr() for name, path in zip(names, paths, strict=True)
    ]
    return both[0], both[1]


def _words_of(taxonomy: Taxonomy, node: str) -> tuple[list[str], list[str]]:
    """The words of a node's name, and of its path."""
    levels = [label_words(level.casefold()) for level in taxonomy.path(node)]
    return levels[-1], [word for level in levels for word in level]
