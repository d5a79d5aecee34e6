"""JSON lines and JSON arrays in every layout."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from product_tagger_files import FileError, json_rows, lines
from tests.product_tagger_files.conftest import read

PRODUCTS = [
    {"id": f"p{n}", "title": f'Oak {{shelf}} [no. {n}], "a" \\ b', "category": "home", "attributes": {"size": str(n)}}
    for n in range(500)
]
TITLES = [product["title"] for product in PRODUCTS]


@pytest.mark.parametrize("name", ["shop.json", "shop.jsonl", "shop.ndjson"])
@pytest.mark.parametrize(
    "text",
    [
        json.dumps(PRODUCTS),
        json.dumps(PRODUCTS, indent=1),
        "\ufeff\n" + json.dumps(PRODUCTS, indent=4).replace("\n", "\r\n"),
        "[" + "\n,".join(map(json.dumps, PRODUCTS)) + "]\n\n",
        "".join(json.dumps(product, indent=2) + "\n" for product in PRODUCTS),
        "".join(json.dumps(product) + "\n" for product in PRODUCTS),
    ],
    ids=["one line", "pretty", "pretty of Windows", "one a line", "objects over lines", "lines"],
)
def test_every_layout_of_json_gives_the_same_products(
    tmp_path: Path, name: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_rows, "_CHUNK", 1000)
    (tmp_path / name).write_text(text, encoding="utf-8", newline="")
    reading = read(tmp_path / name)
    assert (reading.titles, reading.rejects) == (TITLES, [])
    assert reading.products[7].attributes == {"size": "7"}


def test_a_broken_value_of_an_array_is_one_reject_with_its_line(tmp_path: Path) -> None:
    broken = [
        '{"title": "Oak" "category": "home"}', "7", '"words"', "nonsense", "[" * 3000 + "]" * 3000,
        '{"title": "Oak\\ud83d", "category": "home", "views": ' + "9" * 5000 + "}", "null",
    ]  # fmt: skip
    good = '{"title": "Elm", "category": "home"}'
    (tmp_path / "shop.json").write_text("[\n" + ",\n".join([good, *broken, good]) + "\n]")
    reading = read(tmp_path / "shop.json")
    assert reading.titles == ["Elm", "Elm"]
    assert reading.reasons == [
        "broken JSON", "not an object", "not an object", "broken JSON", "broken JSON", "broken JSON", "not an object",
    ]  # fmt: skip
    assert "line 3" in reading.rejects[0].detail and "line 8" in reading.rejects[5].detail
    assert reading.rejects[3].row == "nonsense"
    json.dumps([reject.to_json() for reject in reading.rejects], allow_nan=False)


def test_bytes_that_are_not_utf_8_cost_only_their_value(tmp_path: Path) -> None:
    row = b'{"title": "\xff", "category": "x"}'
    (tmp_path / "shop.json").write_bytes(b'[{"title": "Oak", "category": "x"}, ' + row + b"]")
    assert (read(tmp_path / "shop.json").titles, read(tmp_path / "shop.json").reasons) == (
        ["Oak"],
        ["undecodable bytes"],
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[{"title": "Oak", "category": "x"},\n{"title": "El', "the value that begins in line 2 is not closed"),
        ('[{"title": "Oak", "category": "x"},\n', "ends before its array does, in line 2"),
        ('[{"title": "Oak", "category": "x"}\n]\n{"title": "Elm"}', "something follows the array that ends in line 2"),
        ("[" * 5 + '\n{"title": "Oak"}\n', None),
    ],
)
def test_an_array_that_is_not_whole_is_told(tmp_path: Path, text: str, message: str | None) -> None:
    (tmp_path / "shop.json").write_text(text)
    if message is None:
        assert read(tmp_path / "shop.json").reasons == ["broken JSON", "no category"]
        return
    with pytest.raises(FileError, match=message):
        read(tmp_path / "shop.json")


@pytest.mark.parametrize("layout", ["lines", "array"])
def test_a_value_over_the_bound_is_one_reject(tmp_path: Path, layout: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MOST_CHARACTERS", 5000)
    monkeypatch.setattr(json_rows, "MOST_CHARACTERS", 5000)
    monkeypatch.setattr(json_rows, "_CHUNK", 1000)
    good = '{"title": "Elm", "category": "home"}'
    long = json.dumps({"title": "Oak", "parts": [{"name": "x" * 90}] * 3000})
    text = "\n".join([good, long, good]) if layout == "lines" else "[" + ",".join([good, long, good]) + "]"
    (tmp_path / "shop.json").write_text(text)
    reading = read(tmp_path / "shop.json")
    assert (reading.titles, reading.reasons) == (["Elm", "Elm"], ["row too long"])


def test_lines_that_are_lists_are_rejects_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "shop.jsonl").write_text('[{"title": "a"}]\n{"title": "Oak", "category": "home"}\n[1]\n')
    reading = read(tmp_path / "shop.jsonl")
    assert (reading.titles, reading.reasons) == (["Oak"], ["not an object", "not an object"])
