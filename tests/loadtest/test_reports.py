"""What all that measures shares: the texts, the requests, and the files of a report."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from tritonclient.grpc import service_pb2

from loadtest.errors import LoadtestError
from loadtest.plots import drawing
from loadtest.reports import write_csv, write_json
from loadtest.requests import Api, encode, grouped
from loadtest.texts import TEXTS, describe, draw_texts
from settings import CatalogSettings, Settings


def test_texts_are_drawn_from_a_catalogue_file_with_its_lengths(tmp_path: Path) -> None:
    file = tmp_path / "shop.jsonl"
    # Every tenth title is long.
    rows = [{"name": f"{number} " + ("long " * 40 if number % 10 == 0 else "short")} for number in range(3 * TEXTS)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    settings = Settings(catalog=CatalogSettings(columns={"title": "name"}))
    texts = draw_texts(settings, file)
    assert len(set(texts)) == TEXTS and texts == draw_texts(settings, file)
    assert sum("long" in text for text in texts) / TEXTS == pytest.approx(0.1, abs=0.03)
    told = describe(texts)
    assert told["different"] == TEXTS and told["p50_characters"] < 12 and told["longest_characters"] > 200


def test_a_catalogue_without_texts_is_told(tmp_path: Path) -> None:
    file = tmp_path / "shop.csv"
    file.write_text("title,category\n,food\n")
    with pytest.raises(LoadtestError, match=r"shop\.csv has no product with a text"):
        draw_texts(Settings(), file)


@pytest.mark.parametrize("text", ["red dress", '手机支架 "车载"\n', ""])
def test_requests_hold_the_text_as_the_servers_want_it(text: str) -> None:
    tensor = json.loads(encode("http", [text]))["inputs"][0]
    assert tensor == {"name": "TEXT", "datatype": "BYTES", "shape": [1, 1], "data": [text]}
    assert json.loads(encode("peer", [text])) == {"text": text}
    request = service_pb2.ModelInferRequest.FromString(encode("grpc", [text]))
    assert request.model_name == "product_tagger" and request.inputs[0].shape == [1, 1]
    assert request.inputs[0].contents.bytes_contents == [text.encode()]


def test_a_request_of_several_texts_holds_a_row_for_each() -> None:
    texts = ["red dress", "手机支架", "tea"]
    tensor = json.loads(encode("http", texts))["inputs"][0]
    assert tensor == {"name": "TEXT", "datatype": "BYTES", "shape": [3, 1], "data": texts}
    tensor = service_pb2.ModelInferRequest.FromString(encode("grpc", texts)).inputs[0]
    assert tensor.shape == [3, 1] and tensor.contents.bytes_contents == [text.encode() for text in texts]


@pytest.mark.parametrize(("api", "texts"), [("peer", ["a", "b"]), ("http", []), ("grpc", [])])
def test_a_request_that_a_server_can_not_take_is_refused(api: Api, texts: list[str]) -> None:
    with pytest.raises(ValueError, match=f"a request to {api} can't hold {len(texts)} texts"):
        encode(api, texts)


def test_texts_are_grouped_without_leaving_one_out_and_groups_are_of_one_size() -> None:
    assert grouped(["a", "b", "c"], 2) == [["a", "b"], ["c", "a"]]
    assert grouped(["a"], 3) == [["a", "a", "a"]]
    assert grouped(["a", "b"], 1) == [["a"], ["b"]]
    with pytest.raises(ValueError, match="there are no texts to send"):
        grouped([], 2)


def test_what_is_infinite_is_null_in_json_and_empty_in_csv(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"rows": ({"p99": math.inf, "name": "x"}, [1.5])})
    assert json.loads((tmp_path / "a.json").read_text()) == {"rows": [{"p99": None, "name": "x"}, [1.5]]}
    write_csv(tmp_path / "a.csv", ["p99", "p50"], [(math.inf, 1 / 3)])
    assert (tmp_path / "a.csv").read_text() == "p99,p50\n,0.333\n"


def test_a_picture_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    with pytest.raises(ZeroDivisionError), drawing(path, "a title") as panels:
        panels[0][0].plot([1, 2], [1 / 0])
    assert list(tmp_path.iterdir()) == []
    with drawing(path, "a title") as panels:
        panels[0][0].plot([1, 2], [1, 2])
    assert path.read_bytes().startswith(b"\x89PNG")
