"""The built-in demo catalogue: the same every time, as large and as varied as promised, and not trivial."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from catalog.demo import write_demo
from catalog.demo.command import SPLITS, main, read_examples
from catalog.demo.facts import PLANS
from catalog.demo.vocabulary import ATTRIBUTE_KINDS, Vocabulary, load_vocabulary
from catalog.taxonomy import Taxonomy
from training.answers import answers_of, in_batches
from training.baseline import LinearBaseline
from training.data import encode_labels
from training.evaluation import by_language, summarize

Rows = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return load_vocabulary()


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("demo")
    write_demo(directory)
    return directory


@pytest.fixture(scope="module")
def rows(directory: Path) -> Rows:
    return {
        split: [json.loads(line) for line in (directory / f"demo.{split}.jsonl").read_text("utf-8").splitlines()]
        for split in SPLITS
    }


@pytest.fixture(scope="module")
def scores(directory: Path) -> dict[str, dict[str, float]]:
    """What the baseline of the training report reaches: on all of the test split, and by language."""
    splits = {split: read_examples(directory / f"demo.{split}.jsonl") for split in SPLITS}
    taxonomy, texts = Taxonomy.from_yaml(directory / "demo.taxonomy.yaml"), [row.text for row in splits["test"]]
    baseline = LinearBaseline().fit(splits["train"], taxonomy, splits["validation"])
    probabilities = np.hstack([baseline.category_probabilities(texts), baseline.tag_probabilities(texts)])
    answers = answers_of(
        in_batches(probabilities), baseline.thresholds, encode_labels(splits["test"], taxonomy), taxonomy
    )
    return {"all": summarize(answers), **by_language(answers)}


def text(row: dict[str, Any]) -> str:
    values = (row.get("title", ""), row.get("description", ""), *row.get("attributes", {}).values())
    return " ".join(values).casefold()


def texts(rows: list[dict[str, Any]]) -> str:
    return "\n".join(map(text, rows))


def test_two_runs_in_different_processes_write_the_same_bytes(directory: Path, tmp_path: Path) -> None:
    program = "import sys, pathlib; from catalog.demo import write_demo; write_demo(pathlib.Path(sys.argv[1]))"
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, env=environment)

    for path in sorted(directory.iterdir()):
        ours, theirs = (hashlib.sha256(file.read_bytes()).hexdigest() for file in (path, tmp_path / path.name))
        assert ours == theirs, path.name


def test_another_seed_writes_other_products(directory: Path, tmp_path: Path) -> None:
    paths = write_demo(tmp_path / "new" / "folder", seed=14)

    assert [path.name for path in paths] == [
        "demo.train.jsonl",
        "demo.validation.jsonl",
        "demo.test.jsonl",
        "demo.taxonomy.yaml",
    ]
    assert paths[2].read_bytes() != (directory / paths[2].name).read_bytes()
    assert paths[3].read_bytes() == (directory / paths[3].name).read_bytes()


def test_there_are_enough_products_in_both_languages_and_all_categories(rows: Rows) -> None:
    everything = [row for split in SPLITS for row in rows[split]]
    languages = Counter(row["lang"] for row in everything)
    categories = Counter(row["category"] for row in everything)

    assert [len(rows[split]) for split in SPLITS] == [plan.products for plan in PLANS]
    assert len(everything) >= 12_000
    assert len({row["id"] for row in everything}) == len(everything)
    assert set(languages) == {"en", "zh"}
    assert all(0.45 <= count / len(everything) <= 0.55 for count in languages.values())
    assert set(categories) == {"apparel", "beauty", "electronics", "home", "food", "automotive"}
    assert min(categories.values()) >= 1_000


def test_there_are_tags_of_every_kind_each_with_enough_products_to_learn_from(
    rows: Rows, vocabulary: Vocabulary
) -> None:
    train = Counter(tag for row in rows["train"] for tag in row["tags"])
    test = Counter(tag for row in rows["test"] for tag in row["tags"])

    assert len(vocabulary.kinds) >= 60
    assert set(vocabulary.kinds.values()) == {"type", *ATTRIBUTE_KINDS}
    assert set(train) == set(vocabulary.kinds)
    assert min(train.values()) >= 50
    assert min(test[tag] for tag in vocabulary.kinds) >= 5


def test_the_taxonomy_names_every_label_in_both_languages_and_allows_every_product(
    directory: Path, rows: Rows, vocabulary: Vocabulary
) -> None:
    taxonomy = Taxonomy.from_yaml(directory / "demo.taxonomy.yaml")
    allowed = {label.id: label.categories for label in taxonomy.tags}

    assert taxonomy == vocabulary.taxonomy
    assert all(set(label.names) == {"en", "zh"} for label in (*taxonomy.categories, *taxonomy.tags))
    for row in (row for split in SPLITS for row in rows[split]):
        assert all(row["category"] in allowed[tag] for tag in row["tags"]), row


def test_titles_are_as_long_as_real_ones_and_none_is_used_twice(rows: Rows) -> None:
    train = rows["train"]
    english = [len(row["title"].split()) for row in train if row["lang"] == "en" and "title" in row]
    chinese = [len(row["title"]) for row in train if row["lang"] == "zh" and "title" in row]
    keys = [text(row) for split in SPLITS for row in rows[split]]

    assert 13 <= sum(english) / len(english) <= 25
    assert 20 <= sum(chinese) / len(chinese) <= 40
    assert len(set(keys)) == len(keys)


def test_products_and_wordings_of_the_test_split_were_never_seen_in_training(
    rows: Rows, vocabulary: Vocabulary
) -> None:
    train, test = texts(rows["train"]), texts(rows["test"])
    families = [family for families in vocabulary.families.values() for family in families]
    types = [thing for family in families for thing in family.new]
    names = [(lang, name.casefold()) for thing in types for lang in ("en", "zh") for name in thing.names[lang]]
    attributes = vocabulary.attributes.values()
    wordings = [words.casefold() for tag in attributes for lang in ("en", "zh") for words, _ in tag.new_after[lang]]

    def occurs(lang: str, name: str, where: str) -> bool:
        if name not in where:
            return False
        return lang == "zh" or re.search(rf"\b{re.escape(name)}\b", where) is not None

    assert len(types) > 200
    assert [name for lang, name in names if occurs(lang, name, train)] == []
    assert [words for words in wordings if words in train] == []
    assert sum(occurs(lang, name, test) for lang, name in names) >= 0.6 * len(names)
    assert sum(words in test for words in wordings) >= 0.5 * len(wordings)


def test_brands_of_the_test_split_were_never_seen_in_training(rows: Rows) -> None:
    brands = {
        split: {row["attributes"][key].casefold() for row in rows[split] for key in ("Brand", "品牌")
                if key in row.get("attributes", {})}
        for split in ("train", "test")
    }  # fmt: skip
    seen = texts(rows["train"])

    assert len(brands["train"]) > 100
    assert sum(brand not in seen for brand in brands["test"]) >= 0.3 * len(brands["test"])


def test_categories_share_words(rows: Rows) -> None:
    def categories(word: str) -> set[str]:
        found = Counter(row["category"] for row in rows["train"] if word in text(row))
        return {category for category, count in found.items() if count >= 3}

    assert {"electronics", "automotive"} <= categories("phone holder")
    assert {"electronics", "automotive"} <= categories("手机支架")
    assert {"beauty", "home"} <= categories("lipstick")
    assert {"apparel", "food"} <= categories("chocolate")
    assert {"beauty", "food"} <= categories("oil")
    assert {"home", "food"} <= categories("coffee")
    assert {"apparel", "automotive"} <= categories("leather")


def test_products_are_noisy_and_incomplete_as_in_a_real_shop(rows: Rows) -> None:
    train = rows["train"]
    share = {
        name: sum(map(test, train)) / len(train)
        for name, test in {
            "no title": lambda row: "title" not in row,
            "description": lambda row: "description" in row,
            "attributes": lambda row: "attributes" in row,
            "behaviour": lambda row: "views" in row,
            "no tags": lambda row: not row["tags"],
            "mark-up": lambda row: "<b" in text(row) or "&nbsp;" in text(row) or "&amp;" in text(row),
            "both languages": lambda row: not text(row).isascii() and any("a" <= letter <= "z" for letter in text(row)),
        }.items()
    }

    assert 0.005 <= share["no title"] <= 0.05
    assert 0.05 <= share["description"] <= 0.2
    assert 0.05 <= share["attributes"] <= 0.25
    assert 0.4 <= share["behaviour"] <= 0.8
    assert 0.002 <= share["no tags"] <= 0.02
    assert share["mark-up"] >= 0.01
    assert share["both languages"] >= 0.1
    assert all(row["views"] >= row["clicks"] >= row["purchases"] for row in train if "views" in row)


def test_a_linear_model_does_well_and_leaves_room(scores: dict[str, dict[str, float]]) -> None:
    assert 0.88 <= scores["all"]["category_accuracy"] < 0.97
    assert 0.75 <= scores["all"]["tag_micro_f1"] < 0.90
    for language in ("en", "zh"):
        assert scores[language]["category_accuracy"] < 0.97
        assert scores[language]["tag_micro_f1"] < 0.90


def test_the_documentation_states_how_far_a_linear_model_gets(
    scores: dict[str, dict[str, float]], vocabulary: Vocabulary
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "demo-catalogue.md").read_text("utf-8")

    figures = ("category_accuracy", "category_macro_f1", "tag_micro_f1", "tag_macro_f1")
    for name, score in scores.items():
        stated = re.search(rf"^\| {name} \| ([\d,]+) \| (\S+) \| (\S+) \| (\S+) \| (\S+) \|$", page, re.MULTILINE)
        assert stated, f"docs/reference/demo-catalogue.md has no row {name!r}"
        assert int(stated[1].replace(",", "")) == score["products"]
        measured = [score[figure] for figure in figures]
        assert [float(stated[column]) for column in (2, 3, 4, 5)] == pytest.approx(measured, abs=0.004)
    assert all(tag in page for tag in vocabulary.kinds)


def test_the_command_writes_and_counts_and_fits_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--out", str(tmp_path), "--seed", "5"]) == 0

    output = capsys.readouterr().out
    assert "demo.taxonomy.yaml" in output
    assert all(word in output for word in ("automotive", "zh", "material"))
    assert "TF-IDF" not in output
    assert (tmp_path / "demo.test.jsonl").exists()
