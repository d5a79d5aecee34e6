"""Whole files: any format, order, rejects, and runs that are stopped in every way, against a real server."""

from __future__ import annotations

import csv
import gzip
import json
import re
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from client import BulkError, ProductTagger, TaggerError
from client.bulk import BulkOptions, tag_file
from client.bulk.journal import Journal, RunLock

if TYPE_CHECKING:
    from tests.client.conftest import Triton

WORDS = ("cotton", "dress", "summer", "phone", "case", "leather", "巧克力", "礼盒", "car", "500ml", "cream", "sofa")


def product(number: int) -> dict[str, Any]:
    words = [WORDS[(number * 7 + place * place) % len(WORDS)] for place in range(3 + number % 5)]
    return {"id": f"sku-{number}", "title": " ".join(words), "attributes": {"number": str(number)}}


def write_jsonl(path: Path, count: int, changes: dict[int, Any] | None = None) -> Path:
    """Products one a line; a change replaces a line, counted from 0, by a product or by raw bytes."""
    with path.open("wb") as stream:
        for number in range(count):
            row = (changes or {}).get(number, product(number))
            stream.write(row if isinstance(row, bytes) else json.dumps(row, ensure_ascii=False).encode())
            stream.write(b"\n")
    return path


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def options(tmp_path: Path, triton: Triton) -> Callable[..., BulkOptions]:
    """Options of a run over 203 products, three of them bad, with what the test wants otherwise."""

    def make(**settings: Any) -> BulkOptions:
        if "input" not in settings:
            changes = {17: {"id": "sku-17"}, 90: {"id": "bad", "title": "!invalid"}, 91: b"{broken"}
            settings["input"] = tmp_path / "in.jsonl"
            if not settings["input"].exists():
                write_jsonl(settings["input"], 203, changes)
        return BulkOptions(**{"output": tmp_path / "out.jsonl", "url": triton.grpc, "wait": 5.0, **settings})

    return make


def left_over(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name not in ("in.jsonl", "server.log"))


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


class Stop(Exception):
    """Ends a run from inside."""


def stop_after(rows: int) -> Callable[[int, int], None]:
    def report(done: int, rejected: int) -> None:
        if done >= rows:
            raise Stop

    return report


def test_a_journal_cut_anywhere_leads_to_the_same_output(options: Callable[..., BulkOptions], tmp_path: Path) -> None:
    reference = tag_file(options(output=tmp_path / "reference.jsonl"))
    assert reference.rejects is not None
    with pytest.raises(Stop):
        tag_file(options(), stop_after(150))
    folder = tmp_path / "out.jsonl.tagging"
    journal = (folder / "journal.jsonl").read_bytes()
    header = journal.index(b"\n") + 1
    for cut in (0, 5, header - 1, header, header + 1, len(journal) // 2, len(journal) - 1, len(journal)):
        folder.mkdir(exist_ok=True)
        (folder / "journal.jsonl").write_bytes(journal[:cut])
        (tmp_path / "out.jsonl").unlink(missing_ok=True)
        summary = tag_file(options())
        assert summary.output.read_bytes() == reference.output.read_bytes(), cut
        assert summary.rejects is not None
        assert summary.rejects.read_bytes() == reference.rejects.read_bytes(), cut
        assert (summary.resumed >= 150) is (cut == len(journal))


def test_zeros_at_the_end_of_a_journal_as_a_lost_power_leaves_them_are_cut_off(
    options: Callable[..., BulkOptions], tmp_path: Path
) -> None:
    reference = tag_file(options(output=tmp_path / "reference.jsonl")).output.read_bytes()
    with pytest.raises(Stop):
        tag_file(options(), stop_after(100))
    with (tmp_path / "out.jsonl.tagging" / "journal.jsonl").open("ab") as stream:
        stream.write(b"\0" * 500 + b'\n[7, [[1, "repeated", "x"]]]\n')
    assert tag_file(options()).output.read_bytes() == reference


def test_a_run_killed_again_and_again_ends_as_one_never_stopped(
    options: Callable[..., BulkOptions], tmp_path: Path, triton: Triton
) -> None:
    write_jsonl(tmp_path / "in.jsonl", 6000, {17: {"id": "sku-17"}, 4000: {"id": "bad", "title": "!invalid"}})
    reference = tag_file(options(output=tmp_path / "reference.jsonl"))
    assert reference.rejects is not None
    journal = tmp_path / "out.jsonl.tagging" / "journal.jsonl"
    command = [sys.executable, "-m", "client", "--url", triton.grpc, "--file", "in.jsonl", "--output", "out.jsonl"]
    environment = {"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": ""}
    kills = 0
    for threshold in (20_000, 150_000, 300_000):
        process = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE)
        while process.poll() is None and not (journal.exists() and journal.stat().st_size >= threshold):
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        kills += process.returncode == -signal.SIGKILL
        assert not (tmp_path / "out.jsonl").exists()
    last = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert kills == 3
    assert "by an earlier run" in last.stderr
    assert (tmp_path / "out.jsonl").read_bytes() == reference.output.read_bytes()
    assert (tmp_path / "out.jsonl.rejects.jsonl").read_bytes() == reference.rejects.read_bytes()


def test_a_run_killed_while_it_cleaned_up_is_finished_by_the_next(
    options: Callable[..., BulkOptions], tmp_path: Path
) -> None:
    with pytest.raises(Stop):
        tag_file(options(), stop_after(203))
    journal = tmp_path / "out.jsonl.tagging" / "journal.jsonl"
    shutil.copy(journal, tmp_path / "kept")
    first = tag_file(options()).output.read_bytes()
    journal.parent.mkdir()
    shutil.move(tmp_path / "kept", journal)
    summary = tag_file(options())
    assert (summary.resumed, summary.output.read_bytes()) == (203, first)


def test_a_changed_input_does_not_go_on_silently(options: Callable[..., BulkOptions], tmp_path: Path) -> None:
    with pytest.raises(Stop):
        tag_file(options(), stop_after(100))
    write_jsonl(tmp_path / "in.jsonl", 204)
    with pytest.raises(BulkError, match=r"input's size was \d+ and is now \d+; give --restart"):
        tag_file(options())
    assert tag_file(options(restart=True)).rows == 204


def test_other_columns_do_not_go_on_silently(options: Callable[..., BulkOptions]) -> None:
    with pytest.raises(Stop):
        tag_file(options(), stop_after(100))
    with pytest.raises(BulkError, match=re.escape('columns was {} and is now {"title": "name"}')):
        tag_file(options(columns={"title": "name"}))


def test_an_input_that_changes_during_the_run_is_told_and_nothing_is_written(
    options: Callable[..., BulkOptions], tmp_path: Path
) -> None:
    def change(rows: int, rejected: int) -> None:
        if rows == 203:
            with (tmp_path / "in.jsonl").open("ab") as stream:
                stream.write(b"\n")

    with pytest.raises(BulkError, match="changed while it was read"):
        tag_file(options(), change)
    assert not (tmp_path / "out.jsonl").exists()


def test_an_output_that_is_there_is_replaced_only_when_told_so(options: Callable[..., BulkOptions]) -> None:
    first = tag_file(options()).output.read_bytes()
    with pytest.raises(BulkError, match="--overwrite"):
        tag_file(options())
    assert tag_file(options(overwrite=True)).output.read_bytes() == first


def test_a_second_run_of_the_same_output_is_refused_and_the_first_goes_on(
    options: Callable[..., BulkOptions], tmp_path: Path
) -> None:
    refusals: list[str] = []

    def second(rows: int, rejected: int) -> None:
        if rows == 0:
            with pytest.raises(BulkError) as raised:
                tag_file(options())
            refusals.append(str(raised.value))

    assert tag_file(options(), second).rows == 203
    assert len(refusals) == 1 and "another run (process" in refusals[0]
    assert left_over(tmp_path) == ["out.jsonl", "out.jsonl.rejects.jsonl"]


def test_a_freed_lock_leaves_no_folder_behind(tmp_path: Path) -> None:
    lock = RunLock(tmp_path / "out.jsonl")
    assert lock.folder.is_dir()
    lock.free()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"input": Path("nowhere.jsonl")}, "nowhere.jsonl cannot be read: No such file"),
        ({"output": Path("out.xlsx")}, "must end in .jsonl, .csv or .parquet"),
        ({"output": Path("no/such/folder/out.jsonl")}, "does not exist; create it first"),
        ({"columns": {"title": "name"}, "input": "csv"}, "no column 'name', which was given as the title"),
        ({"input": "names"}, "neither a column 'title' nor 'description'"),
        ({"input": "text"}, "format of"),
        ({"input": "gzip"}, "not a whole gzip file"),
    ],
)
def test_what_a_run_cannot_begin_with_is_said_in_a_sentence(
    options: Callable[..., BulkOptions], tmp_path: Path, settings: dict[str, Any], sentence: str
) -> None:
    (tmp_path / "csv.csv").write_text("id,title\n1,a\n")
    (tmp_path / "names.csv").write_text("id,name\n1,a\n")
    (tmp_path / "text.txt").write_text("a\n")
    (tmp_path / "gzip.jsonl.gz").write_bytes(gzip.compress(b'{"title": "a"}\n' * 1000)[:-12])
    names = {"csv": "csv.csv", "names": "names.csv", "text": "text.txt", "gzip": "gzip.jsonl.gz"}
    if isinstance(settings.get("input"), str):
        settings = settings | {"input": tmp_path / names[settings["input"]]}
    with pytest.raises(BulkError, match=sentence.replace(".", r"\.")):
        tag_file(options(**settings))


def test_the_input_is_never_overwritten_by_the_output(options: Callable[..., BulkOptions], tmp_path: Path) -> None:
    with pytest.raises(BulkError, match="is the input itself"):
        tag_file(options(output=write_jsonl(tmp_path / "in.jsonl", 3), overwrite=True))


def test_a_full_disk_is_a_sentence_and_what_was_done_is_kept(
    options: Callable[..., BulkOptions], tmp_path: Path, triton: Triton
) -> None:
    reference = tag_file(options(output=tmp_path / "reference.jsonl")).output.read_bytes()

    def limit_file_sizes() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (12_000, 12_000))

    done = subprocess.run(
        [sys.executable, "-m", "client", "--url", triton.grpc, "--file", "in.jsonl", "--output", "out.jsonl"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": "", "PYTHONDONTWRITEBYTECODE": "1"},
        preexec_fn=limit_file_sizes,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "the disk is full" in done.stderr and "finished rows are kept" in done.stderr
    assert "Traceback" not in done.stderr
    summary = tag_file(options())
    assert summary.resumed >= 50
    assert summary.output.read_bytes() == reference


def test_a_server_that_stays_away_ends_the_run_with_the_way_to_go_on(
    options: Callable[..., BulkOptions], tmp_path: Path, mortal_triton: Triton
) -> None:
    reference = tag_file(options(output=tmp_path / "reference.jsonl")).output.read_bytes()
    mortal_triton.start()

    def kill(rows: int, rejected: int) -> None:
        if rows >= 100:
            mortal_triton.kill()

    with pytest.raises(TaggerError, match=r"no answer for 0\.5 seconds: .* \d+ finished rows are kept: run it again"):
        tag_file(options(url=mortal_triton.http, wait=0.5), kill)
    mortal_triton.start()
    summary = tag_file(options(url=mortal_triton.http))
    assert summary.resumed >= 100
    assert summary.output.read_bytes() == reference


def test_a_run_waits_for_a_server_that_comes_back(
    options: Callable[..., BulkOptions], tmp_path: Path, mortal_triton: Triton
) -> None:
    reference = tag_file(options(output=tmp_path / "reference.jsonl")).output.read_bytes()
    mortal_triton.start()
    starting: list[threading.Thread] = []

    def start_anew(rows: int, rejected: int) -> None:
        if rows >= 100 and not starting:
            mortal_triton.kill()
            starting.append(threading.Thread(target=mortal_triton.start))
            starting[0].start()

    summary = tag_file(options(url=mortal_triton.grpc, wait=60.0), start_anew)
    starting[0].join()
    assert summary.output.read_bytes() == reference


def test_a_journal_refuses_another_identity_and_names_the_difference(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", {"input": "a"})
    journal.append([[1, "x", "no text"]])
    journal.close()
    with pytest.raises(BulkError, match='its input was "a" and is now "b"'):
        Journal(tmp_path / "journal", {"input": "b"})
    again = Journal(tmp_path / "journal", {"input": "a"})
    assert (again.rows, again.rejected, list(again.entries())) == (1, 1, [[1, "x", "no text"]])
    again.close()
