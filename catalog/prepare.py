"""The whole stage: a shop's catalogue in, build/catalog out.

Two passes. The first reads every row once, rejects what can't be used, cleans the rest into a spool file and keeps
numbers only (catalog/ingest.py). Then the splits, the weights and the taxonomy are decided on these numbers, and the
second pass deals the spooled lines out to train.jsonl, validation.jsonl and test.jsonl.
"""

from __future__ import annotations

import itertools
import json
import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalog.dealing import LEFT_OUT, deal, parts_missing, write_left_out
from catalog.derivation import derive_taxonomy
from catalog.findings import Findings
from catalog.grouping import ProductKeys
from catalog.ingest import Ingest
from catalog.prepared import SPLITS
from catalog.readers import CatalogError, read_options
from catalog.sources import Source, find_source
from catalog.splits import TEST, TRAIN, VALIDATION
from catalog.taxonomy import Taxonomy
from catalog.taxonomy_files import read_taxonomy
from catalog.weights import behaviour_weights
from product_tagger_files import Reject
from settings.schema import CatalogSettings, Settings
from steps import Step, code_digest, file_digest

SUMMARY = "summary.json"
CONFLICTS = "conflicts.jsonl"
_BLOCK = 10_000
FILES = (*(f"{split}.jsonl" for split in SPLITS), "taxonomy.json", SUMMARY)


@dataclass(frozen=True)
class Prepared:
    """What `prepare` has made or found.

    Attributes:
        directory: The prepared catalogue.
        summary: What summary.json says.
        up_to_date: Whether it was there already, from the same input, settings and code.
    """

    directory: Path
    summary: Mapping[str, Any]
    up_to_date: bool


def prepare(settings: Settings, *, force: bool = False) -> Prepared:
    """Prepares the catalogue that the settings name, unless that has been done already.

    Args:
        settings: `catalog` says what to read, `build_dir` where to write (into its folder `catalog`).
        force: Prepare again even when nothing has changed.

    Returns:
        The directory with train.jsonl, validation.jsonl, test.jsonl, taxonomy.json, summary.json and rejects.jsonl.

    Raises:
        CatalogError: The catalogue can't be used, or too large a share of it; what was prepared before stays, and the
            message names the file with the rejected rows.
        TaxonomyError: The taxonomy file can't be used.
        Busy: Another run is preparing into the same build directory now.
        DiskError: The disk is full, or the build directory can't be written; what was prepared before stays.
    """
    options = settings.catalog
    target = settings.build_dir / "catalog"
    source = find_source(options.path, settings.build_dir, options.seed, options.taxonomy)
    former = _read_summary(target)
    files = _identify(source, former)
    step = _step(target, options, files)
    if not step.is_due(force=force):
        return Prepared(target, former, up_to_date=True)
    rejects = settings.build_dir / "catalog-rejects.jsonl"
    with step.making() as directory:
        rejects.unlink(missing_ok=True)
        try:
            summary = _prepare_into(directory, source, options, files)
        except CatalogError as error:
            written = directory / "rejects.jsonl"
            if not written.exists() or not written.stat().st_size:
                raise
            os.replace(written, rejects)
            raise CatalogError(f"{error}\nThe rejected rows and their reasons are in {rejects}.") from error
    return Prepared(target, summary, up_to_date=False)


@dataclass(frozen=True)
class Checked:
    """What `check` has found.

    Attributes:
        ingest: The counts.
        rejects: The first rejects.
        told: Sentences on what the rows have in common: conflicts and large groups.
    """

    ingest: Ingest
    rejects: list[Reject]
    told: list[str]


def check(path: Path, options: CatalogSettings) -> Checked:
    """Reads one file as `prepare` would, and writes nothing.

    Args:
        path: The file.
        options: Its column mapping and taxonomy are used.

    Returns:
        The counts, the first rejects, and what is told of the rows together.

    Raises:
        CatalogError: The file can't be read at all.
    """
    first = _FirstRejects()
    taxonomy = read_taxonomy(options.taxonomy) if options.taxonomy else None
    keys = ProductKeys()
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace", newline="\n") as spool:
        ingest = Ingest(spool, keys, first, taxonomy)
        ingest.read("train", path, read_options(options))
        ingest.settle()
        spool.seek(0)
        told = Findings(ingest, keys, {"train": path}, spool).sentences
    return Checked(ingest, [Reject(**entry) for entry in first.entries], told)


class _FirstRejects:
    """Takes the lines of a rejects file and keeps the first few."""

    def __init__(self, limit: int = 20) -> None:
        self.entries: list[dict[str, Any]] = []
        self._limit = limit

    def write(self, line: str, /) -> int:
        if len(self.entries) < self._limit:
            self.entries.append(json.loads(line))
        return len(line)


def _prepare_into(
    directory: Path, source: Source, options: CatalogSettings, files: Mapping[str, Any]
) -> dict[str, Any]:
    given = read_taxonomy(source.taxonomy) if source.taxonomy else None
    spool, keys = directory / "spool.tmp", ProductKeys()
    with (directory / "rejects.jsonl").open("w", encoding="utf-8") as rejects:
        with spool.open("w", encoding="utf-8", errors="replace", newline="\n") as texts:
            ingest = Ingest(texts, keys, rejects, given)
            for part, path in source.files.items():
                ingest.read(part, path, read_options(options))
        ingest.settle()
        _check_rejects(ingest, options)
        with spool.open(encoding="utf-8", newline="\n") as texts:
            findings = Findings(ingest, keys, source.files, texts)
        parts, left_out = deal(ingest, findings.groups, source, options)
        write_left_out(rejects, ingest, source, left_out)
    findings.write_conflicts(directory / CONFLICTS)
    in_train = parts == TRAIN
    tag_counts = _tag_counts(ingest, in_train)
    trained = [ingest.categories.ids[number] for number in np.unique(ingest.category_numbers[in_train])]
    taxonomy = (
        given.kept_to(frozenset(trained))
        if given
        else derive_taxonomy(
            trained,
            tag_counts,
            min_tag_products=options.min_tag_products,
            category_names=ingest.category_names,
            tag_names=ingest.tag_names,
        )
    )
    weights = behaviour_weights(*ingest.behaviour)
    counts = _write_splits(directory, spool, ingest, parts, weights, taxonomy)
    spool.unlink()
    (directory / "taxonomy.json").write_text(taxonomy.to_json(), encoding="utf-8")
    rejected = sum(ingest.rows_rejected.values())
    summary = {
        "seed": options.seed,
        "files": files,
        "rows_read": dict(ingest.rows_read),
        "lines": ingest.line_counts.to_json(),
        "continuations": ingest.notes.continuations,
        "rejects": {
            "rows": rejected,
            "share": ingest.reject_share,
            "reasons": dict(ingest.reject_reasons.most_common()),
        },
        "left_out": dict(Counter(left_out.values())),
        "notes": ingest.notes.to_json(),
        "told": [ingest.line_counts.sentence(), *ingest.notes.sentences(), *findings.sentences],
        **findings.to_json(),
        "missing": parts_missing(parts, findings.groups, ingest.category_numbers, options),
        "splits": counts,
        "taxonomy": {
            "from": str(source.taxonomy) if source.taxonomy else "derived from the training part",
            "categories": len(taxonomy.categories),
            "tags": len(taxonomy.tags),
            "rare_tags_left_out": 0 if given else len(tag_counts.keys() - set(taxonomy.tag_ids)),
            "unknown_tags": dict(ingest.unknown_tags.most_common(50)),
            "look_alikes": ingest.look_alikes(),
        },
        "weights": {"least": float(weights.min()), "mean": float(weights.mean()), "most": float(weights.max())},
    }
    (directory / SUMMARY).write_text(json.dumps(summary, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return summary


def _check_rejects(ingest: Ingest, options: CatalogSettings) -> None:
    read, rejected = sum(ingest.rows_read.values()), sum(ingest.rows_rejected.values())
    if not read:
        raise CatalogError(f"the catalogue {options.path!r} has no rows")
    reasons = ", ".join(f"{reason}: {count:,}" for reason, count in ingest.reject_reasons.most_common(5))
    if not len(ingest):
        raise CatalogError(f"none of the {read:,} rows of {options.path!r} can be used ({reasons})")
    if ingest.reject_share > options.max_reject_share:
        lines = ingest.line_counts
        more = f", {lines.rejected:,} of {lines.products + lines.rejected:,} lines" if lines.rejected > rejected else ""
        raise CatalogError(
            f"{rejected:,} of {read:,} rows{more} ({ingest.reject_share:.1%}) can't be used, more than "
            f"catalog.max_reject_share = {options.max_reject_share:g} allows ({reasons}): mend the rows, or raise the "
            "share"
        )
    if not (ingest.parts == TRAIN).any():
        raise CatalogError(f"no row of the training part of {options.path!r} can be used ({reasons})")


def _tag_counts(ingest: Ingest, rows: NDArray[np.bool_]) -> dict[str, int]:
    numbers, starts = ingest.tag_numbers
    owners = np.repeat(rows, np.diff(starts))
    counts = np.bincount(numbers[owners], minlength=len(ingest.tags.ids))
    return dict(zip(ingest.tags.ids, counts.tolist(), strict=True))


def _write_splits(
    directory: Path,
    spool: Path,
    ingest: Ingest,
    parts: NDArray[np.int8],
    weights: NDArray[np.float32],
    taxonomy: Taxonomy,
) -> dict[str, Any]:
    """Second pass: completes the spooled lines with their labels and weights and deals them out."""
    categories = [json.dumps(name, ensure_ascii=False) for name in ingest.categories.ids]
    known = set(taxonomy.tag_ids)
    tags = [json.dumps(name, ensure_ascii=False) if name in known else None for name in ingest.tags.ids]
    languages = [json.dumps(code) for code in ingest.languages]
    rows = _rows(ingest, parts, weights)
    tagged: Counter[int] = Counter()
    files = [(directory / f"{name}.jsonl").open("w", encoding="utf-8") for name in SPLITS]
    try:
        with spool.open(encoding="utf-8", newline="\n") as lines:
            for part, language, category, own, weight in rows:
                line = next(lines)
                if part == LEFT_OUT:
                    continue
                known_tags = [word for number in own if (word := tags[number]) is not None]
                tagged[part] += bool(known_tags)
                files[part].write(
                    f'{line[:-1]}, "lang": {languages[language]}, "category": {categories[category]}, '
                    f'"tags": [{", ".join(known_tags)}], "weight": {weight:.4g}}}\n'
                )
    finally:
        for file in files:
            file.close()
    return {
        name: _split_counts(ingest, parts == part, tagged[part])
        for name, part in zip(SPLITS, (TRAIN, VALIDATION, TEST), strict=True)
    }


def _rows(
    ingest: Ingest, parts: NDArray[np.int8], weights: NDArray[np.float32]
) -> Iterator[tuple[int, int, int, list[int], float]]:
    """Yields each row's part, numbers of its language, category and tags, and its weight.

    As Python's own numbers, a block at a time: to take them out of the arrays one by one takes three times as long.
    """
    numbers, starts = ingest.tag_numbers
    categories, languages = ingest.category_numbers, ingest.language_numbers
    for first in range(0, len(parts), _BLOCK):
        block = slice(first, first + _BLOCK)
        ends = starts[first : first + _BLOCK + 1]
        tags, places = numbers[ends[0] : ends[-1]].tolist(), (ends - ends[0]).tolist()
        own = [tags[start:end] for start, end in itertools.pairwise(places)]
        columns = (parts, languages, categories)
        yield from zip(*(column[block].tolist() for column in columns), own, weights[block].tolist(), strict=True)


def _split_counts(ingest: Ingest, rows: NDArray[np.bool_], tagged: int) -> dict[str, Any]:
    by_category = np.bincount(ingest.category_numbers[rows], minlength=len(ingest.categories.ids)).tolist()
    by_language = np.bincount(ingest.language_numbers[rows], minlength=len(ingest.languages)).tolist()
    return {
        "products": int(rows.sum()),
        "with_tags": tagged,
        "categories": {name: n for n, name in sorted(zip(by_category, ingest.categories.ids, strict=True))[::-1] if n},
        "languages": {name: n for n, name in sorted(zip(by_language, ingest.languages, strict=True))[::-1] if n},
    }


def _read_summary(directory: Path) -> dict[str, Any]:
    """What was told of the former catalogue; empty where there is none, or one that can't be read."""
    try:
        summary = json.loads((directory / SUMMARY).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return summary if isinstance(summary, dict) else {}


def _identify(source: Source, former: Mapping[str, Any]) -> dict[str, Any]:
    """Part → its file's path, size, time and SHA-256.

    A file with the same path, size and time is taken for the same: reading gigabytes to be sure takes minutes.
    """
    known: dict[tuple[Any, ...], Any] = {
        (entry["path"], entry["size"], entry["mtime_ns"]): entry for entry in former.get("files", {}).values()
    }
    files = {}
    for part, path in (*source.files.items(), *([("taxonomy", source.taxonomy)] if source.taxonomy else [])):
        try:
            status = path.stat()
            entry = {"path": str(path.resolve()), "size": status.st_size, "mtime_ns": status.st_mtime_ns}
            files[part] = known.get(tuple(entry.values())) or {**entry, "sha256": file_digest(path)}
        except OSError as error:
            raise CatalogError(f"{path} can't be read ({error.strerror})") from error
    return files


def _step(target: Path, options: CatalogSettings, files: Mapping[str, Any]) -> Step:
    # By name as well: rejects name their file, and a product without an id gets one from it.
    contents = {part: [Path(entry["path"]).name, entry["sha256"]] for part, entry in files.items()}
    inputs = {
        "the files": contents,
        "the settings": options.model_dump(mode="json", exclude={"path", "taxonomy"}),
        "the code": code_digest("catalog.prepare"),
    }
    return Step("The catalogue", target, inputs, holds=FILES)
