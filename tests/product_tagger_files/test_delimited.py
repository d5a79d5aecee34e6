"""CSV and TSV as spreadsheets, feeds and broken programs write them: nothing lost, nothing invented."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from product_tagger_files import FileError, ReadOptions, delimited, lines
from tests.product_tagger_files.conftest import Reading, read


def read_text(folder: Path, text: str, name: str = "shop.csv", columns: dict[str, str] | None = None) -> Reading:
    (folder / name).write_text(text, encoding="utf-8", newline="")
    reading = read(folder / name, ReadOptions(columns or {}))
    assert reading.lines == len(text.splitlines())
    return reading


def rows(count: int, start: int = 0, mark: str = ",") -> str:
    return "".join(f"p{n}{mark}Oak shelf no. {n}{mark}home\n" for n in range(start, start + count))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("sep=;\r\nid;title;category\r\n1;Oak, tall;home\r\n2;Elm;home\r\n", "shop.csv"),
        ("\ufeffsep=|\nid|title|category\n1|Oak, tall|home\n2|Elm|home\n", "shop.csv"),
        ('"sep=\t"\nid\ttitle\tcategory\n1\tOak, tall\thome\n2\tElm\thome\n', "shop.csv"),
        ("id;title;category;size, cm\n1;Oak, tall;home;5\n2;Elm;home;6\n", "shop.csv"),
        ("id|title|category\n1|Oak, tall|home\n2|Elm|home\n", "shop.csv"),
        ("id\ttitle\tcategory\n1\tOak, tall\thome\n2\tElm\thome\n", "shop.csv"),
        ('id,title,category\n1,"Oak, tall",home\n2,Elm,home\n', "shop.tsv"),
        ("id\ttitle\tcategory\n1\tOak, tall\thome\n2\tElm\thome\n", "feed.txt"),
        ('id,"title","category\n(first)"\n1,"Oak, tall",home\n2,Elm,home\n', "shop.csv"),
        ('\n\nid,title,"price\r\n\r\n(EUR)",category\n1,"Oak, tall",5,home\n2,Elm,5,home\n', "shop.csv"),
        ("id,title,category,,\n1,Oak; tall,home,,\n2,Elm,home,,\n", "shop.csv"),
        ("id,title,category,note,note\n1,Oak; tall,home,a,b\n2,Elm,home,,\n", "shop.csv"),
    ],
)
def test_the_delimiter_and_the_columns_are_told_from_the_beginning(tmp_path: Path, text: str, name: str) -> None:
    columns = {"category": "category (first)"} if "(first)" in text else {}
    reading = read_text(tmp_path, text, name, columns)
    assert [title.replace(";", ",") for title in reading.titles] == ["Oak, tall", "Elm"]
    assert [product.category for product in reading.products] == ["home", "home"]


def test_a_file_of_one_column_has_commas_in_its_cells_only_where_they_are_quoted(tmp_path: Path) -> None:
    (tmp_path / "shop.csv").write_text('title\nOak\n"Elm, tall"\nAsh, small\n')
    reading = read(tmp_path / "shop.csv", text_only=True)
    assert (reading.titles, reading.reasons) == (["Oak", "Elm, tall"], ["wrong column count"])


def test_rows_may_lack_their_trailing_empty_cells_or_have_too_many(tmp_path: Path) -> None:
    text = "id,title,category,tags,views\n1,Oak,home,wood,5\n2,Elm,home\n3,Ash,home,wood\n4,Fir,home,,,,,\n,,,,\n"
    reading = read_text(tmp_path, text)
    assert [(p.title, p.tags, p.views) for p in reading.products] == [
        ("Oak", ("wood",), 5.0), ("Elm", (), None), ("Ash", ("wood",), None), ("Fir", (), None),
    ]  # fmt: skip
    assert (reading.rejects, reading.other_lines) == ([], 2)


def test_half_a_row_is_no_product(tmp_path: Path) -> None:
    text = "title,category,description\nOak,home,a shelf\nmade of wood\nElm,home,x\n"
    (tmp_path / "shop.csv").write_text(text)
    reading = read(tmp_path / "shop.csv", text_only=True)
    assert (reading.titles, reading.reasons) == (["Oak", "Elm"], ["wrong column count"])


@pytest.mark.parametrize("again", ["id,title,category\n", "\ufeffid,title,category\n", '"id","title",category\r\n'])
def test_the_header_of_a_joined_file_is_no_product_and_is_told(
    tmp_path: Path, again: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    reading = read_text(tmp_path, f"id,title,category\n{rows(3)}{again}{rows(3, 3)}")
    assert (len(reading.products), reading.rejects, reading.other_lines) == (6, [], 2)
    assert "1 more lines name the columns again" in caplog.text


def test_columns_in_another_order_below_each_other_are_an_error_with_the_line(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="line 4 names the columns again, in another order"):
        read_text(tmp_path, f"id,title,category\n{rows(2)}title,id,category\nOak,5,home\n")


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("quoted", [True, False])
def test_a_long_description_of_many_lines_is_one_product(tmp_path: Path, ending: str, quoted: bool) -> None:
    turn = 'turn ""gently""' if quoted else "turn"
    steps = ending.join(f"step {n},{turn} the knob,then wait" for n in range(5000))
    text = f'title,description,category{ending}Oven,"{steps}",kitchen{ending}' + f"Pan,of steel,kitchen{ending}" * 50
    reading = read_text(tmp_path, text)
    assert (len(reading.products), reading.rejects, reading.product_lines) == (51, [], 5050)
    assert reading.products[0].category == "kitchen" and len(reading.products[0].description) > 131_072


@pytest.mark.parametrize(
    "spoiled",
    [
        'Oven,"step 0,turn the "red" knob,then wait\n{steps}",kitchen\n',  # quotes not doubled
        'Oven,"step 0,turn the knob,then wait\n{steps}\n',  # cut off by the program that wrote it
        'Oven,"step 0,turn the knob,then wait\n{steps}" ,kitchen\n',  # a space behind the closing quote
    ],
)
def test_no_line_of_a_description_becomes_a_product_when_its_quotes_are_broken(tmp_path: Path, spoiled: str) -> None:
    steps = "\n".join(f"step {n},turn the knob,then wait" for n in range(1, 500))
    good = 'Pan,"of steel, 20 cm",kitchen\n' * 5
    reading = read_text(tmp_path, "title,description,category\n" + good + spoiled.replace("{steps}", steps) + good)
    assert (len(reading.products), reading.reasons) == (10, ["broken quoting"])
    assert (reading.reject_lines, reading.rejects[0].lines, reading.rejects[0].line) == (500, 500, 7)
    assert "lines 7 to 506" in reading.rejects[0].detail


@pytest.mark.parametrize(
    ("name", "mark", "odd"),
    [
        ("feed.tsv", "\t", 'p{mark}"small oak shelf{mark}home\n'),
        ("feed.tsv", "\t", '"p{mark}oak shelf 12"{mark}home\n'),
        ("feed.csv", ",", 'p{mark}"small oak shelf{mark}home\n'),
        ("feed.csv", "|", 'p{mark}"12" oak shelf{mark}home\n'),
    ],
)
def test_one_opening_quote_swallows_no_row_of_a_feed(tmp_path: Path, name: str, mark: str, odd: str) -> None:
    text = f"id{mark}title{mark}category\n{rows(300, 0, mark)}{odd.replace('{mark}', mark)}{rows(200, 300, mark)}"
    reading = read_text(tmp_path, text, name)
    assert (len(reading.products), reading.rejects) == (501, [])


def test_quotes_in_a_feed_of_tabs_are_characters_also_where_two_of_them_look_like_a_cell(tmp_path: Path) -> None:
    text = (
        "id\ttitle\tcategory\n"
        '1\t"Best" lamp\thome\n'
        '2\t"small lamp\thome\n'
        "{rows}"
        '3\tdesk 5"\thome\n'
        '4\t"A\tB"\n'
        '5\t"one, two"\thome\n'
    )
    reading = read_text(tmp_path, text.replace("{rows}", rows(20, 0, "\t")), "feed.tsv")
    titles = [product.title for product in reading.products if product.id in "12345"]
    assert titles == ['"Best" lamp', '"small lamp', 'desk 5"', '"A', "one, two"]
    assert len(reading.products) == 25


def test_a_spreadsheets_tabs_are_read_with_its_quotes(tmp_path: Path) -> None:
    text = 'id\ttitle\tcategory\n1\t"Oak ""royal"" shelf"\thome\n2\t"two\nlines"\thome\n3\t"a\tb"\thome\n4\tx\t"a\nb"\n'
    reading = read_text(tmp_path, text, "sheet.tsv")
    assert reading.titles == ['Oak "royal" shelf', "two\nlines", "a\tb", "x"]
    assert reading.product_lines == 6


def test_rows_between_two_inch_marks_are_told_instead_of_becoming_one_cell(tmp_path: Path) -> None:
    text = f'id,title,category\n{rows(5)}a,"Oak,home\n{rows(30, 5)}b,desk 5",home\n{rows(5, 35)}'
    reading = read_text(tmp_path, text)
    assert (len(reading.products), reading.reasons, reading.reject_lines) == (10, ["ambiguous quoting"], 32)


def test_a_cell_over_the_bound_is_one_reject_and_the_rows_behind_it_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "MOST_CHARACTERS", 5000)
    monkeypatch.setattr(delimited, "MOST_CHARACTERS", 5000)
    steps = "\n".join(f"step {n},turn the knob,then wait" for n in range(400))
    long = f'Oven,"step,a,b\n{steps}",kitchen\n' + f'"{"y" * 9000}",x,home\n'
    text = f"title,description,category\nPan,x,kitchen\n{long}Pan,z,home\n"
    reading = read_text(tmp_path, text)
    assert (reading.titles, reading.reasons) == (["Pan", "Pan"], ["row too long", "row too long"])
    assert [reject.lines for reject in reading.rejects] == [401, 1]


def test_quotes_that_lead_nowhere_again_and_again_end_in_a_sentence_and_not_in_hours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delimited, "_LEAST_AGAIN", 10_000)
    names = ",".join(f"c{n}" for n in range(1000))
    (tmp_path / "shop.csv").write_text(f"title,category,{names}\n" + ('q",y,"z' + ",z" * 999 + "\n") * 200)
    with pytest.raises(FileError, match="the quotes are broken in so many rows up to line"):
        read(tmp_path / "shop.csv")


CELL = st.text(alphabet='ab 1,;|\t"\n家é', max_size=8)


@settings(max_examples=300, deadline=None)
@given(
    cells=st.lists(st.lists(CELL, min_size=3, max_size=3), max_size=8),
    delimiter=st.sampled_from(",;|"),
    ending=st.sampled_from(["\n", "\r\n"]),
)
def test_what_a_csv_writer_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, cells: list[list[str]], delimiter: str, ending: str
) -> None:
    path = tmp_path_factory.mktemp("csv") / "shop.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, delimiter=delimiter, lineterminator=ending)
        writer.writerow(["title", "id", "category"])
        writer.writerows([f"x{first}", second, third] for first, second, third in cells)
    reading = read(path, text_only=True)
    assert (reading.titles, reading.rejects) == ([f"x{first}" for first, _, _ in cells], [])


@settings(max_examples=300, deadline=None)
@given(text=st.text(alphabet='ab,\t"\n;|', max_size=120), name=st.sampled_from(["shop.csv", "shop.tsv"]))
def test_every_line_of_any_text_lies_in_a_row(tmp_path_factory: pytest.TempPathFactory, text: str, name: str) -> None:
    path = tmp_path_factory.mktemp("csv") / name
    text = "title\tcategory\n" + text if name == "shop.tsv" else "title,category\n" + text
    path.write_text(text, newline="")
    assert read(path, text_only=True).lines == len(io.StringIO(text).readlines())
