"""Cleaning: the shared table of cases, and what must hold for any text."""

from __future__ import annotations

import ast
import random
import sys
import unicodedata
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import catalog.cleaning
from catalog.cleaning import MAX_CHARACTERS, MAX_VISIBLE_CHARACTERS, clean, clean_text

TABLE = yaml.safe_load((Path(__file__).parent / "cleaning_cases.yaml").read_text(encoding="utf-8"))
CASES = [
    pytest.param(case["raw"], case["cleaned"], id=f"{group}-{number}")
    for group, cases in TABLE.items()
    for number, case in enumerate(cases, 1)
]

FRAGMENTS = """
    < > & ; &amp; &lt; b > / 1 2 199 , . - ¥ $ 元 价 到手价 原价 Rs. Rs free shipping buy get off % 50 包邮 满
    减 送 折 ★ 4.5 /5 reviews ( ) 【 】 ! | 棉 cotton 起 ＜ ＆ ￥ http:// www. a @ x.com # 3 ® 🔥 only now 限时 特惠
    第二件 半价 券 好评 99% sale best price mrp : 件 5V <!-- --> <script> </script> \ufe0f \u200b \ud83d
"""


@pytest.mark.parametrize(("raw", "cleaned"), CASES)
def test_every_case_of_the_table(raw: str, cleaned: str) -> None:
    assert clean_text(raw) == cleaned


@pytest.mark.parametrize(("raw", "cleaned"), CASES)
def test_a_cleaned_text_stays_as_it_is(raw: str, cleaned: str) -> None:
    assert clean_text(cleaned) == cleaned


def test_random_clutter_is_clean_after_one_call() -> None:
    draw = random.Random(7)
    fragments = FRAGMENTS.split()
    for _ in range(3000):
        raw = "".join(draw.choice(fragments) + draw.choice(("", " ")) for _ in range(draw.randint(1, 25)))
        once = clean_text(raw)
        assert clean_text(once) == once, raw
        assert once == " ".join(once.split())
        once.encode("utf-8")


HOSTILE = (
    "<!--", "<script>", "<style></style>", "<svg/>", "<a", '<b x="', '<b x="">', "<b x='\"", "<![CDATA[", "<a b c d ",
    "&", "&amp;", "&#x3c;a&#x3e;", "\ufdfa", "a\u0345\u0300", "\u0345", "http://a.", "¥", "1,", "满", "限時", "price:",
    "was now only $", "(-", "| ", "free free shipping shipping ",
)  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE)
@pytest.mark.timeout(20)
def test_hostile_repetition_is_cleaned_in_linear_time(piece: str) -> None:
    # A quadratic expression takes minutes on this many characters, and the time limit of the test ends it.
    clean_text((piece * 262_144)[:1_000_000])


@pytest.mark.timeout(20)
def test_marks_in_the_order_that_normalization_is_slowest_at_take_linear_time() -> None:
    assert clean_text("Oak " + "\u0345" * 3_000 + "\u0300" * 3_000 + " shelf") == "Oak shelf"
    assert clean("Oak " + "\u0345" * 30_000 + "\u0300" * 30_000) == ("Oak", True)


FILLED = {
    "style attribute": "<p style='{}'>Oak shelf</p> 80 cm",
    "picture": '<img alt="a > b" src="data:image/png;base64,{}">Oak shelf 80 cm',
    "drawing": "<svg><path d='{}'/></svg>Oak shelf 80 cm",
    "drawing's words": "<svg><text>{}</text></svg>Oak shelf 80 cm",
    "style sheet": "<style>{}</style>Oak shelf 80 cm",
    "script": "<script>{}</script>Oak shelf 80 cm",
    "comment": "<!--{}-->Oak shelf 80 cm",
    "twice escaped": "&amp;lt;p class=&amp;quot;{}&amp;quot;&amp;gt;Oak shelf 80 cm",
    "never closed": "Oak shelf 80 cm <img src='{}",
}


@pytest.mark.parametrize("form", FILLED.values(), ids=FILLED.keys())
@pytest.mark.parametrize("letter", ["x", "İ", "棉"])
def test_the_words_behind_long_markup_are_read(form: str, letter: str) -> None:
    assert clean_text(form.format(letter * 40_000)) == "Oak shelf 80 cm"


def test_what_is_read_of_a_text_is_bounded_and_it_is_told() -> None:
    assert clean("x" * MAX_VISIBLE_CHARACTERS) == ("x" * MAX_VISIBLE_CHARACTERS, False)
    assert clean("x" * (MAX_VISIBLE_CHARACTERS + 1)) == ("x" * MAX_VISIBLE_CHARACTERS, True)
    assert clean("<!--" + "x" * (MAX_CHARACTERS - 16) + "-->Oak shelf") == ("Oak shelf", False)
    assert clean("Oak shelf<!--" + "x" * (MAX_CHARACTERS - 16) + "-->") == ("Oak shelf", False)
    assert clean("Oak shelf<!--" + "x" * (MAX_CHARACTERS - 16) + "--> ") == ("Oak shelf", True)
    assert clean("Oak shelf<!--" + "x" * MAX_CHARACTERS + "--> 80 cm") == ("Oak shelf", True)
    assert clean("㌖a" * 2000).cut  # one character becomes six


WORDS = st.sampled_from(FRAGMENTS.split())
TEXTS = st.one_of(st.lists(st.one_of(WORDS, st.text(max_size=4)), max_size=40).map("".join), st.text())


@given(TEXTS, st.sampled_from((1, 1, 400)))
@settings(max_examples=200, deadline=None)
def test_any_text_stays_bounded_plain_and_once_cleaned_as_it_is(piece: str, times: int) -> None:
    text, cut = clean(piece * times)
    assert len(text) <= MAX_VISIBLE_CHARACTERS
    assert clean(text) == (text, False)
    assert text == " ".join(text.split())
    assert not {unicodedata.category(character) for character in text} & {"Cc", "Cs"}
    assert cut or len(piece) * times <= MAX_CHARACTERS


CLUTTER = [piece for piece in FRAGMENTS.split() if "<" not in piece]


@given(st.lists(st.sampled_from((*CLUTTER, "Free shipping", "包邮", "限時優惠", "特價")), max_size=12))
@settings(max_examples=200, deadline=None)
def test_a_text_that_names_a_product_still_does_when_it_is_clean(pieces: list[str]) -> None:
    assert "shelf" in clean_text(" ".join([*pieces, ". Oak shelf. ", *pieces]))


def test_the_package_stands_alone_because_the_server_runs_a_copy_of_it() -> None:
    for path in Path(str(catalog.cleaning.__file__)).parent.glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        names |= {str(n.module) for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and not n.level}
        assert {name.partition(".")[0] for name in names} <= set(sys.stdlib_module_names), path
