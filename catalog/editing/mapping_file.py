"""The CSV of a mapping to another taxonomy: written by a command, corrected by a person, respected by the next run."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from catalog.labels import TaxonomyError
from catalog.mapping import Proposal
from catalog.taxonomy import Taxonomy
from product_tagger_files.paths import PATH_SEPARATOR
from steps.outputs import staged_file

COLUMNS = ("category", "path", "node", "node_path", "confidence", "status")
DECIDED, PROPOSED, UNSURE = "decided", "proposed", "unsure"
"""What a person has settled, what is likely enough to be used, and what is not."""
_MOST_BYTES = 1 << 26


def read_decided(path: Path, target: Taxonomy) -> dict[str, str]:
    """What a person has decided in a former file: category id → id of the node, empty where there is none.

    Raises:
        TaxonomyError: The file is not such a CSV, or names a node that the other taxonomy does not have.
    """
    if not path.exists():
        return {}
    if path.stat().st_size > _MOST_BYTES:
        raise TaxonomyError(f"{path} is larger than {_MOST_BYTES >> 20} MiB: that is no mapping")
    decided: dict[str, str] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = csv.DictReader(stream)
            if missing := [name for name in ("category", "node", "status") if name not in (rows.fieldnames or ())]:
                raise TaxonomyError(f"{path} has no column {missing[0]!r}: it is no mapping, name another file")
            for row in rows:
                if (row["status"] or "").strip().lower() != DECIDED:
                    continue
                word = (row["node"] or "").strip()
                node = target.find_category(word) if word else ""
                if node is None:
                    raise TaxonomyError(f"{path}:{rows.line_num}: the other taxonomy has no category {word!r}")
                decided[row["category"] or ""] = node
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise TaxonomyError(f"{path} can't be read as CSV in UTF-8 ({error})") from None
    return decided


def write_mapping(
    path: Path, proposals: Iterable[Proposal], decided: dict[str, str], target: Taxonomy, least: float
) -> Counter[str]:
    """Writes the file anew; what a person has decided stays.

    Args:
        path: The CSV.
        proposals: One for each category.
        decided: Category id → node, as `read_decided` gives it.
        target: The other taxonomy.
        least: The confidence from which a proposal may be used.

    Returns:
        How many rows have each status.
    """
    counts: Counter[str] = Counter()
    with staged_file(path) as staging, staging.open("w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        for one in proposals:
            node, node_path, confidence = one.node, one.node_path, f"{one.confidence:.3f}"
            status = PROPOSED if one.node and one.confidence >= least else UNSURE
            if one.category in decided:
                node, confidence, status = decided[one.category], "", DECIDED
                node_path = PATH_SEPARATOR.join(target.path(node)) if node else ""
            counts[status] += 1
            writer.writerow((one.category, one.path, node, node_path, confidence, status))
    return counts
