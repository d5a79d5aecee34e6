"""Whole files: any format, order, rejects, and what a run can't begin with, against a real server."""

from __future__ import annotations

import asyncio
import csv
import gzip
import json
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from product_tagger_client import BulkError, ProductTagger
from product_tagger_client.bulk import BulkOptions, BulkSummary, journal, tag_file
from tests.client.bulk.conftest import left_over, product, read_jsonl, write_jsonl

if TYPE_CHECKING:
    from tests.client.conftest import Triton


def test_every_row_is_answered_in_order_or_stands_among_the_rejects(
    options: Callable[..., BulkOptions], tmp_path: Path, triton: Triton
) -> None:
    calls: list[tuple[int, int]] = []
    summary = tag_file(options(), lambda rows, rejected: calls.append((rows, rejected)))
    assert (summary.rows, summary.rejected, summary.resumed) == (203, 3, 0)
    assert calls[0] == (0, 0) and calls[-1] == (203, 3) and calls == sorted(calls)
    answers = read_jsonl(summary.output)
    assert [row["id"] for row in answers] == [f"sku-{number}" for number in range(203) if number not in (17, 90, 91)]
    with ProductTagger(triton.grpc) as tagger:
        expected = tagger.tag(f"{product(5)['title']}\nnumber: 5")
    assert answers[5] == {
        "id": "sku-5",
        "category": expected.category,
        "category_score": round(expected.category_score, 6),
        "tags": [{"name": tag.name, "score": round(tag.score, 6)} for tag in expected.tags],
        "truncated": False,
    }
    assert summary.rejects is not None
    rejects = read_jsonl(summary.rejects)
    assert [(row["line"], row["id"]) for row in rejects] == [(18, "sku-17"), (91, "bad"), (92, "in:92")]
    assert "neither title nor description" in rejects[0]["reason"]
    assert "holds what it may not" in rejects[1]["reason"]
    assert "not JSON" in rejects[2]["reason"]
    assert left_over(tmp_path) == ["out.jsonl", "out.jsonl.rejects.jsonl"]


def test_a_product_of_an_export_is_answered_once_for_all_its_rows(
    options: Callable[..., BulkOptions], tmp_path: Path
) -> None:
    source = tmp_path / "shop.csv"
    rows = (f"h{n},Sofa {n},Size,S\nh{n},,,M\nh{n},,,L\n" for n in range(20))
    source.write_text("Handle,Title,Option1 Name,Option1 Value\n" + "".join(rows))
    summary = tag_file(options(input=source))
    assert (summary.rows, summary.rejected, summary.notes.continuations) == (20, 0, 40)
    assert [row["id"] for row in read_jsonl(summary.output)] == [f"h{n}" for n in range(20)]
    assert "shop.csv is read as an export of shopify" in summary.notes.sentences()[0]
    with pytest.raises(BulkError, match="neither a column 'title'"):
        tag_file(options(input=source, output=tmp_path / "plain.jsonl", format="plain"))


def test_a_row_over_the_limit_is_cut_and_says_so(options: Callable[..., BulkOptions], tmp_path: Path) -> None:
    long = {"id": "long", "title": "sofa", "description": "of many words " * 20_000}
    source = write_jsonl(tmp_path / "in.jsonl", 20, {3: long})
    summary = tag_file(options(input=source, output=tmp_path / "out.csv"))
    assert (summary.rows, summary.rejected) == (20, 0)
    with summary.output.open(encoding="utf-8", newline="") as stream:
        assert [row["id"] for row in csv.DictReader(stream) if row["truncated"] == "true"] == ["long"]


def test_every_input_format_gives_the_same_answers_over_both_protocols(
    options: Callable[..., BulkOptions], tmp_path: Path, triton: Triton
) -> None:
    products = [product(number) for number in range(60)]
    write_jsonl(tmp_path / "in.jsonl", 60)
    (tmp_path / "in.jsonl.gz").write_bytes(gzip.compress((tmp_path / "in.jsonl").read_bytes()))
    for ending, delimiter in (("csv", ","), ("tsv", "\t")):
        with (tmp_path / f"in.{ending}").open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream, delimiter=delimiter)
            writer.writerow(["id", "product_name", "attributes", "price"])
            writer.writerows(
                [row["id"], row["title"], json.dumps(row["attributes"]), place] for place, row in enumerate(products)
            )
    reference = tag_file(options(output=tmp_path / "reference.jsonl")).output.read_bytes()
    for place, ending in enumerate(("jsonl.gz", "csv", "tsv")):
        columns = {"title": "product_name"} if ending in ("csv", "tsv") else {}
        url = (triton.grpc, triton.http)[place % 2]
        done = options(input=tmp_path / f"in.{ending}", output=tmp_path / f"{ending}.jsonl", columns=columns, url=url)
        assert tag_file(done).output.read_bytes() == reference


def test_parquet_goes_in_and_out(options: Callable[..., BulkOptions], tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    rows = [product(number) for number in range(40)]
    columns = {name: [row[name] for row in rows] for name in ("id", "title")}
    columns["attributes"] = [[("number", row["attributes"]["number"])] for row in rows]
    kinds = pyarrow.schema(
        [("id", "string"), ("title", "string"), ("attributes", pyarrow.map_(pyarrow.string(), pyarrow.string()))]
    )
    pyarrow.parquet.write_table(pyarrow.table(columns, schema=kinds), tmp_path / "in.parquet", row_group_size=7)
    write_jsonl(tmp_path / "in.jsonl", 40)
    expected = read_jsonl(tag_file(options()).output)
    summary = tag_file(options(input=tmp_path / "in.parquet", output=tmp_path / "out.parquet"))
    table = pyarrow.parquet.read_table(summary.output)
    assert table.schema.names == ["id", "category", "category_score", "tags", "truncated"]
    answers = [
        row
        | {"category_score": round(row["category_score"], 6)}
        | {"tags": [{"name": tag["name"], "score": round(tag["score"], 6)} for tag in row["tags"]]}
        for row in table.to_pylist()
    ]
    assert answers == expected


def test_csv_output_joins_the_tags_and_their_scores(options: Callable[..., BulkOptions], tmp_path: Path) -> None:
    expected = read_jsonl(tag_file(options()).output)
    summary = tag_file(options(output=tmp_path / "out.csv"))
    with summary.output.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["id"] for row in rows] == [row["id"] for row in expected]
    assert rows[3]["tags"] == "|".join(tag["name"] for tag in expected[3]["tags"])
    assert rows[3]["tag_scores"] == "|".join(str(tag["score"]) for tag in expected[3]["tags"])
    assert rows[3]["truncated"] == "false"


def test_a_csv_output_may_begin_with_a_byte_order_mark(options: Callable[..., BulkOptions], tmp_path: Path) -> None:
    plain = tag_file(options(output=tmp_path / "out.csv")).output.read_bytes()
    marked = tag_file(options(output=tmp_path / "marked.csv", bom=True)).output.read_bytes()
    assert marked == b"\xef\xbb\xbf" + plain


def test_what_a_catalogue_may_be_is_tagged_too(options: Callable[..., BulkOptions], tmp_path: Path) -> None:
    expected = [row["id"] for row in read_jsonl(tag_file(options(input=write_jsonl(tmp_path / "in.jsonl", 30))).output)]
    rows = [product(number) for number in range(30)]
    (tmp_path / "array.json").write_text(json.dumps(rows, indent=1))
    lines = "".join(f"{row['id']};{row['title']}\r\n" for row in rows)
    (tmp_path / "excel.csv").write_text("sep=;\r\n编号;商品标题\r\n" + lines, encoding="gb18030")
    columns = {"id": "编号", "title": "商品标题"}
    for name, settings in (("array.json", {}), ("excel.csv", {"columns": columns, "encoding": "gb18030"})):
        summary = tag_file(options(input=tmp_path / name, output=tmp_path / f"{name}.jsonl", **settings))
        assert [row["id"] for row in read_jsonl(summary.output)] == expected
        assert summary.rejected == 0


def test_a_file_is_tagged_where_an_event_loop_is_running_as_in_a_notebook(
    options: Callable[..., BulkOptions], tmp_path: Path
) -> None:
    expected = tag_file(options()).output.read_bytes()

    async def cell() -> BulkSummary:
        return tag_file(options(output=tmp_path / "again.jsonl"))

    assert asyncio.run(cell()).output.read_bytes() == expected


def test_an_interrupted_notebook_keeps_what_was_done(options: Callable[..., BulkOptions], tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in.jsonl", 3000)
    expected = tag_file(options(output=tmp_path / "whole.jsonl")).output.read_bytes()
    interrupted = threading.Event()

    def interrupt(rows: int, rejected: int) -> None:
        if rows >= 100 and not interrupted.is_set():
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            interrupted.wait(10)

    def on_signal(number: int, frame: object) -> None:
        interrupted.set()
        raise KeyboardInterrupt

    async def cell() -> None:
        tag_file(options(), interrupt)

    former = signal.signal(signal.SIGINT, on_signal)
    loop = asyncio.new_event_loop()
    try:
        with pytest.raises(KeyboardInterrupt):
            loop.run_until_complete(cell())
    finally:
        signal.signal(signal.SIGINT, former)
        loop.close()
    summary = tag_file(options())
    assert 100 <= summary.resumed < 3000
    assert summary.output.read_bytes() == expected


def test_where_files_cannot_be_locked_a_run_says_so(
    options: Callable[..., BulkOptions], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "fcntl", None)
    with pytest.raises(BulkError, match="on Windows, run it in WSL"):
        tag_file(options())


def test_an_empty_file_gives_an_empty_output(options: Callable[..., BulkOptions], tmp_path: Path) -> None:
    summary = tag_file(options(input=write_jsonl(tmp_path / "in.jsonl", 0)))
    assert (summary.rows, summary.output.read_bytes(), summary.rejects) == (0, b"", None)


def test_a_row_the_server_breaks_on_is_rejected_alone(options: Callable[..., BulkOptions], tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in.jsonl", 30, {12: {"id": "poison", "title": "!broken"}})
    summary = tag_file(options())
    assert summary.rejects is not None
    assert [(row["id"], "the classifier broke" in row["reason"]) for row in read_jsonl(summary.rejects)] == [
        ("poison", True)
    ]
    assert len(read_jsonl(summary.output)) == 29


def test_a_row_the_server_breaks_on_is_rejected_also_where_no_other_shares_its_request(
    options: Callable[..., BulkOptions], tmp_path: Path
) -> None:
    write_jsonl(tmp_path / "in.jsonl", 17, {16: {"id": "poison", "title": "!broken"}})
    summary = tag_file(options())
    assert (summary.rows, summary.rejected) == (17, 1)


def test_an_output_that_is_there_is_replaced_only_when_told_so(options: Callable[..., BulkOptions]) -> None:
    first = tag_file(options()).output.read_bytes()
    with pytest.raises(BulkError, match="--overwrite"):
        tag_file(options())
    assert tag_file(options(overwrite=True)).output.read_bytes() == first


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"input": Path("nowhere.jsonl")}, "nowhere.jsonl cannot be read: No such file"),
        ({"output": Path("out.xlsx")}, "must end in .jsonl, .csv or .parquet"),
        ({"output": Path("no/such/folder/out.jsonl")}, "does not exist; create it first"),
        ({"columns": {"title": "name"}, "input": "csv"}, "no column 'name', which catalog.columns"),
        ({"input": "names"}, "neither a column 'title' nor 'description'"),
        ({"input": "text"}, "in no known format"),
        ({"input": "gzip"}, "not a whole gzip file"),
    ],
)
def test_what_a_run_cannot_begin_with_is_said_in_a_sentence(
    options: Callable[..., BulkOptions], tmp_path: Path, settings: dict[str, Any], sentence: str
) -> None:
    (tmp_path / "csv.csv").write_text("id,title\n1,a\n")
    (tmp_path / "names.csv").write_text("id,name\n1,a\n")
    (tmp_path / "text.doc").write_text("a\n")
    (tmp_path / "gzip.jsonl.gz").write_bytes(gzip.compress(b'{"title": "a"}\n' * 1000)[:-12])
    names = {"csv": "csv.csv", "names": "names.csv", "text": "text.doc", "gzip": "gzip.jsonl.gz"}
    if isinstance(settings.get("input"), str):
        settings = settings | {"input": tmp_path / names[settings["input"]]}
    with pytest.raises(BulkError, match=sentence.replace(".", r"\.")):
        tag_file(options(**settings))


def test_the_input_is_never_overwritten_by_the_output(options: Callable[..., BulkOptions], tmp_path: Path) -> None:
    with pytest.raises(BulkError, match="is the input itself"):
        tag_file(options(output=write_jsonl(tmp_path / "in.jsonl", 3), overwrite=True))
