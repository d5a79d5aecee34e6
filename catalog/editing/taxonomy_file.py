"""Edits a taxonomy's file: adds, moves, merges and renames categories, and keeps a log of it.

What the file held stays as it was written, with its comments. A category that is merged or gets another id leaves its
words as synonyms, so that catalogues that still write them are read.
"""

from __future__ import annotations

import io
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from catalog.labels import Label, TaxonomyError, level_name
from catalog.spelling import hint
from catalog.taxonomy import Taxonomy
from catalog.tree import lineage
from product_tagger_files.paths import PATH_SEPARATOR
from steps.outputs import staged_file

_LISTS = ("categories", "nodes")
_FIRST_ENTRY = re.compile(r"^( *)- ", re.MULTILINE)


class TaxonomyFile:
    """A taxonomy.yaml, or the taxonomy.json of a checkpoint, whose categories a model has learnt."""

    def __init__(self, path: Path) -> None:
        """Reads the file.

        Raises:
            TaxonomyError: It is missing, holds no usable taxonomy, or is a text file of paths.
        """
        if path.suffix not in {".yaml", ".yml", ".json"}:
            raise TaxonomyError(f"{path} is neither .yaml nor .json: only these are edited")
        self._path = path
        self._is_learnt = path.suffix == ".json"
        self._read: Callable[[Path], Taxonomy] = Taxonomy.from_json if self._is_learnt else Taxonomy.from_yaml
        self._taxonomy = self._read(path)
        self._yaml = YAML()
        self._yaml.width = 1_000
        self._yaml.preserve_quotes = True
        text = path.read_text(encoding="utf-8")
        indented = _FIRST_ENTRY.search(text)
        offset = len(indented[1]) if indented else 2
        self._yaml.indent(mapping=2, sequence=offset + 2, offset=offset)
        self._data: Any = json.loads(text) if self._is_learnt else self._yaml.load(text)

    def add(self, category: str, parent: str | None, names: Mapping[str, str], synonyms: Sequence[str]) -> str:
        """Adds a category; returns what was done, in words.

        In a checkpoint it becomes a further node, which its model can't answer yet.
        """
        entry: dict[str, Any] = {"id": category}
        if parent is not None:
            entry["parent"] = self._known(parent)
        if names or self._is_learnt:
            entry["names"] = dict(names)
        if synonyms or self._is_learnt:
            entry["synonyms"] = list(synonyms)
        self._data.setdefault("nodes" if self._is_learnt else "categories", []).append(_on_one_line(entry))
        return self._write(category, f"{category} was added")

    def move(self, category: str, parent: str | None) -> str:
        """Puts a category, with all below it, under another parent, or makes it a root."""
        category, former = self._known(category), self._shown(category)
        entry = self._entry(category)
        if parent is None:
            entry.pop("parent", None)
        else:
            entry["parent"] = self._known(parent)
        return self._write(category, f"{category} was moved, before it was {former}")

    def rename(self, category: str, new_id: str | None, names: Mapping[str, str]) -> str:
        """Gives a category another id, or display names; its former words stay as synonyms.

        Raises:
            TaxonomyError: A checkpoint's category would get another id, by which its model answers.
        """
        category = self._known(category)
        if new_id is not None:
            self._refuse_learnt(f"give {category!r} another id")
        entry = self._entry(category)
        former = [category] if new_id is not None else []
        for language, name in names.items():
            if (old := entry.get("names", {}).get(language)) not in {None, name}:
                former.append(old)
            entry.setdefault("names", {})[language] = name
        if new_id is not None:
            entry["id"] = new_id
            self._point(category, new_id)
        _add_synonyms(entry, former)
        return self._write(new_id or category, f"{category} was renamed")

    def merge(self, category: str, into: str) -> str:
        """Makes a category a part of another: its words become synonyms, and what lies below it moves there.

        Raises:
            TaxonomyError: The other lies below it, or the file is a checkpoint's, whose model answers both.
        """
        category, into = self._known(category), self._known(into)
        self._refuse_learnt(f"merge {category!r}")
        if category in lineage(into, self._taxonomy.parents):
            raise TaxonomyError(f"{self._path}: {category!r} can't be merged into {into!r}, which is or lies below it")
        label = self._label(category)
        words = [category, *(level_name(label, language) for language in label.names), *label.synonyms]
        _add_synonyms(self._entry(into), words)
        for key in _LISTS:
            entries = self._data.get(key) or []
            entries[:] = [entry for entry in entries if _id(entry) != category]
        self._point(category, into)
        return self._write(into, f"{category} was merged into {into}")

    def _known(self, word: str) -> str:
        """The id of a category that is named by its id, a name, or its path."""
        found = self._taxonomy.find_category(word)
        if found is None:
            raise TaxonomyError(f"{self._path} has no category {word!r}{hint(word, self._taxonomy.parents)}")
        return found

    def _refuse_learnt(self, what: str) -> None:
        if self._is_learnt:
            raise TaxonomyError(
                f"{self._path} belongs to a trained model, which answers by these ids: to {what}, edit taxonomy.yaml "
                "and train again"
            )

    def _label(self, category: str) -> Label:
        return next(label for label in self._taxonomy.tree if label.id == category)

    def _entry(self, category: str) -> Any:
        """The mapping of a category in the file; a lone id becomes one."""
        for entries, number in self._places():
            if _id(entries[number]) == category:
                if not isinstance(entries[number], dict):
                    entries[number] = _on_one_line({"id": category})
                return entries[number]
        raise KeyError(category)

    def _places(self) -> Iterator[tuple[Any, int]]:
        for key in _LISTS:
            entries = self._data.get(key) or []
            yield from ((entries, number) for number in range(len(entries)))

    def _point(self, old: str, new: str) -> None:
        """Names a category by another id wherever it is a parent, or where a tag may go with it."""
        for entries, number in self._places():
            if isinstance(entries[number], dict) and entries[number].get("parent") == old:
                entries[number]["parent"] = new
        for tag in self._data.get("tags") or []:
            if isinstance(tag, dict) and old in (tag.get("categories") or []):
                tag["categories"] = list(dict.fromkeys(new if one == old else one for one in tag["categories"]))

    def _shown(self, category: str) -> str:
        return PATH_SEPARATOR.join(self._taxonomy.path(category))

    def _write(self, category: str, done: str) -> str:
        """Replaces the file if it is still a usable taxonomy and the log beside it takes another line."""
        with staged_file(self._path) as staging:
            if self._is_learnt:
                text = json.dumps(self._data, ensure_ascii=False, indent=1) + "\n"
            else:
                stream = io.StringIO()
                self._yaml.dump(self._data, stream)
                text = stream.getvalue()
            staging.write_text(text, encoding="utf-8")
            try:
                self._taxonomy = self._read(staging)
            except TaxonomyError as error:
                cause = str(error).partition(" is not a usable taxonomy: ")[2] or str(error)
                raise TaxonomyError(f"{self._path} stays as it is: {cause}") from None
            told = f"{done}, now it is {self._shown(category)}"
            log = self._path.with_name(f"{self._path.stem}-changes.jsonl")
            # Before the file is replaced: a log that can't be written leaves both as they are.
            line = {"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "file": self._path.name, "change": told}
            with log.open("a", encoding="utf-8") as stream_of_log:
                stream_of_log.write(json.dumps(line, ensure_ascii=False) + "\n")
        return told


def _on_one_line(value: Any) -> Any:
    """A new entry as people write it: `{id: pans, parent: kitchen}`."""
    if isinstance(value, dict):
        mapping = CommentedMap((key, _on_one_line(item)) for key, item in value.items())
        mapping.fa.set_flow_style()
        return mapping
    return value


def _id(entry: Any) -> Any:
    return entry.get("id") if isinstance(entry, dict) else entry


def _add_synonyms(entry: Any, words: Sequence[str]) -> None:
    if words:
        known = list(entry.get("synonyms") or [])
        entry["synonyms"] = list(dict.fromkeys([*known, *words]))
