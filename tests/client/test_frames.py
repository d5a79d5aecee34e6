"""Data frames of pandas and polars in, data frames of answers out, against a real server."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pandas
import polars
import pytest

from product_tagger_client import ProductTagger, ServerUnavailableError
from tests.client.asking import ask

if TYPE_CHECKING:
    from tests.client.conftest import Triton

TITLES = ["cotton dress", None, "sofa", float("nan"), "手机支架", "!invalid", " ", "x !abstain"]
COLUMNS = ["category", "category_score", "tags", "tag_scores", "truncated", "error"]


@pytest.fixture
def tagger(triton: Triton) -> Any:
    with ProductTagger(triton.grpc) as tagger:
        yield tagger


def test_a_frame_of_pandas_gets_its_answers_under_its_own_index(tagger: ProductTagger) -> None:
    frame = pandas.DataFrame({"title": TITLES}, index=["b", "a", "a", "c", "x", "y", "z", "d"])
    answers = tagger.tag_frame(frame)
    assert list(answers.columns) == COLUMNS
    assert list(answers.index) == list(frame.index)
    assert list(answers["error"].isna()) == [True, False, True, False, True, False, False, True]
    assert "neither title nor description" in answers["error"].iloc[1]
    assert "holds what it may not" in answers["error"].iloc[5]
    expected = tagger.tag("sofa")
    assert answers["category"].iloc[2] == expected.category
    assert answers["category_score"].iloc[2] == expected.category_score
    assert answers["tags"].iloc[2] == [tag.name for tag in expected.tags]
    assert answers["tag_scores"].iloc[2] == [tag.score for tag in expected.tags]
    assert pandas.isna(answers["category"].iloc[7]) and answers["category_score"].iloc[7] > 0
    assert answers["tags"].iloc[1] is None and pandas.isna(answers["truncated"].iloc[1])
    joined = pandas.concat([frame, answers], axis=1)
    assert list(joined["title"].iloc[[0, 2]]) == ["cotton dress", "sofa"] and len(joined) == 8


def test_a_frame_of_polars_gets_the_same_answers(tagger: ProductTagger) -> None:
    titles = [None if title != title else title for title in TITLES]
    answers = tagger.tag_frame(polars.DataFrame({"title": titles}))
    assert answers.schema == {
        "category": polars.String,
        "category_score": polars.Float64,
        "tags": polars.List(polars.String),
        "tag_scores": polars.List(polars.Float64),
        "truncated": polars.Boolean,
        "error": polars.String,
    }
    beside = tagger.tag_frame(pandas.DataFrame({"title": TITLES}))
    assert answers["tags"].to_list() == list(beside["tags"])
    assert answers["error"].to_list() == [None if pandas.isna(error) else error for error in beside["error"]]


@pytest.mark.parametrize("library", [pandas, polars])
def test_the_text_is_that_of_a_file_with_the_same_columns(tagger: ProductTagger, library: Any) -> None:
    frame = library.DataFrame(
        {
            "Product name": ["cotton dress", "boots"],
            "description": ["for summer", None],
            "attributes": ['{"size": "M"}', None],
            "category": ["what the shop says", ""],
        }
    )
    answers = tagger.tag_frame(frame, columns={"title": "Product name"})
    expected = tagger.tag_many(["cotton dress\nfor summer\nsize: M", "boots"])
    assert list(answers["category_score"]) == [result.category_score for result in expected]


def test_missing_values_of_every_kind_are_missing(tagger: ProductTagger) -> None:
    values = [None, float("nan"), pandas.NA, pandas.NaT, "sofa", 7]
    answers = tagger.tag_frame(pandas.DataFrame({"title": pandas.Series(values, dtype=object)}))
    assert list(answers["error"].isna()) == [False, False, False, False, True, True]
    categories = pandas.DataFrame({"title": pandas.Categorical(["sofa", None])})
    assert list(tagger.tag_frame(categories)["error"].isna()) == [True, False]


@pytest.mark.parametrize("library", [pandas, polars])
def test_a_frame_without_rows_gives_one_without_rows(tagger: ProductTagger, library: Any) -> None:
    answers = tagger.tag_frame(library.DataFrame({"title": []}))
    assert list(answers.columns) == COLUMNS and len(answers) == 0


@pytest.mark.parametrize(
    ("frame", "columns", "kind", "sentence"),
    [
        ([{"title": "sofa"}], {}, TypeError, "not a builtins.list"),
        (polars.LazyFrame({"title": ["sofa"]}), {}, TypeError, r"call collect\(\)"),
        (pandas.Series(["sofa"], name="title"), {}, TypeError, "not a pandas.Series"),
        (pandas.DataFrame({"Name": ["sofa"], "price": [1]}), {}, ValueError, r"columns=\{'title': 'Name'\}"),
        (polars.DataFrame({"title": ["sofa"]}), {"title": "name"}, ValueError, "no column 'name', the title"),
        (pandas.DataFrame({"title": ["sofa"]}), {"brand": "title"}, ValueError, "columns names 'brand'"),
        (pandas.DataFrame([["a", "b"]], columns=["title", "title"]), {}, ValueError, "more than one column 'title'"),
    ],
)
def test_what_cannot_be_read_is_told(frame: Any, columns: Any, kind: Any, sentence: str) -> None:
    with pytest.raises(kind, match=sentence):
        ProductTagger("http://127.0.0.1:1").tag_frame(frame, columns)


def test_with_a_language_names_come_beside_the_ids(triton: Triton) -> None:
    frame = pandas.DataFrame({"title": [f"product {number}" for number in range(30)]})
    with ProductTagger(triton.http, lang="zh") as tagger:
        answers = tagger.tag_frame(frame)
        result = tagger.tag("product 7")
    assert answers["category_display_name"].iloc[7] == result.category_display_name
    assert answers["tag_display_names"].iloc[7] == [tag.display_name for tag in result.tags]
    assert "服饰" in set(answers["category_display_name"])


def test_the_asynchronous_client_gives_the_same(triton: Triton) -> None:
    frame = polars.DataFrame({"title": [f"product {number}" for number in range(40)]})
    assert ask(True, triton.http, "tag_frame", frame).equals(ask(False, triton.grpc, "tag_frame", frame))


def test_a_server_that_is_away_is_raised_and_not_written_into_every_row() -> None:
    with pytest.raises(ServerUnavailableError), ProductTagger("http://127.0.0.1:1", retries=0) as tagger:
        tagger.tag_frame(pandas.DataFrame({"title": ["sofa"] * 3}))


def test_neither_library_is_loaded_unless_a_frame_is_given() -> None:
    code = "import sys, product_tagger_client; print({'pandas', 'polars'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
