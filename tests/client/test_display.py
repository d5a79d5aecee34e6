"""Display names: the language the client was given decides what labels are called, and never their ids."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from product_tagger_client import AsyncProductTagger, ProductTagger, TaggedProduct
from product_tagger_client.command import main
from product_tagger_client.display import read_display_names

if TYPE_CHECKING:
    from tests.client.conftest import Triton

# The stub makes its answers of the text's digest; of these texts, some are apparel or food and carry `dress`.
TEXTS = [f"text {number}" for number in range(40)]
ZH = {"apparel": "服饰", "food": "食品", "dress": "连衣裙"}


def ids(results: list[TaggedProduct]) -> list[tuple[str | None, list[str]]]:
    """Categories and tags by id."""
    return [(result.category, [tag.name for tag in result.tags]) for result in results]


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_labels_are_called_what_they_are_in_the_language_and_keep_their_ids(triton: Triton, protocol: str) -> None:
    url = getattr(triton, protocol)
    with ProductTagger(url) as plain, ProductTagger(url, lang="zh-CN") as chinese:
        assert ids(chinese.tag_many(TEXTS)) == ids(plain.tag_many(TEXTS))
        results = [*chinese.tag_many(TEXTS), chinese.tag(TEXTS[0])]
        unnamed = plain.tag_many(TEXTS)
    tags = [tag for result in results for tag in result.tags]
    assert {"apparel", "food"} <= {result.category for result in results} and "dress" in {tag.name for tag in tags}
    for result in results:
        assert result.category_display_name == ZH.get(str(result.category), result.category)
    assert all(tag.display_name == ZH.get(tag.name, tag.name) for tag in tags)
    assert all(tag.display_name == tag.name for result in unnamed for tag in result.tags)


def test_the_asynchronous_client_names_them_alike(triton: Triton) -> None:
    async def ask() -> tuple[list[TaggedProduct], TaggedProduct, tuple[str, ...]]:
        async with AsyncProductTagger(triton.grpc, lang="zh") as tagger:
            return await tagger.tag_many(TEXTS), await tagger.tag(TEXTS[0]), await tagger.languages()

    results, first, languages = asyncio.run(ask())
    with ProductTagger(triton.grpc, lang="zh") as tagger:
        assert tagger.tag_many(TEXTS) == results
        assert tagger.languages() == languages == ("en", "zh")
    assert first == results[0]


def test_an_abstention_has_no_name_in_any_language(triton: Triton) -> None:
    with ProductTagger(triton.grpc, lang="zh") as tagger:
        result = tagger.tag("x !abstain")
    assert (result.category, result.category_display_name) == (None, None)


def test_an_empty_language_is_refused() -> None:
    with pytest.raises(ValueError, match="give a language code such as zh"):
        ProductTagger(lang=" ")


@pytest.mark.parametrize("parameter", [None, {}, {"string_value": "{"}, {"string_value": "[]"}])
def test_a_server_without_usable_names_is_no_error(parameter: object) -> None:
    config = {} if parameter is None else {"parameters": {"display_names": parameter}}
    assert read_display_names(config) == {}


def test_the_command_shows_the_names_of_a_language(triton: Triton, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--url", triton.grpc, "--lang", "zh", *TEXTS]) == 0
    table = capsys.readouterr()
    assert "服饰" in table.out and "连衣裙" in table.out and "apparel" not in table.out
    assert not table.err
    assert main(["--url", triton.grpc, "--lang", "zh", "--json", *TEXTS]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert ("apparel", "服饰") in {(row["category"], row["category_display_name"]) for row in rows}
    assert ("dress", "连衣裙") in {(tag["name"], tag["display_name"]) for row in rows for tag in row["tags"]}


def test_the_command_says_where_the_server_has_no_names_in_a_language(
    triton: Triton, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--url", triton.grpc, "--lang", "fr", "text 1"]) == 0
    told = capsys.readouterr().err
    assert told == "tag: the server has no names in fr (it has them in en, zh); ids are shown\n"


def test_the_output_of_a_file_has_ids_and_no_language(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--file", "a.csv", "--output", "b.csv", "--lang", "zh"])
    assert "--lang is for texts" in capsys.readouterr().err
