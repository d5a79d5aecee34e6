"""Cleaning: the shared table of cases, and what must hold for any text."""

from __future__ import annotations

import ast
import random
import sys
from pathlib import Path

import pytest
import yaml

import catalog.cleaning
from catalog.cleaning import clean_text

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


@pytest.mark.parametrize(
    "piece", ["<!--", "<script>", "<a", "&", "¥", "1,", "满", "price:", "was now only $", "(-", "| "]
)
@pytest.mark.timeout(20)
def test_hostile_repetition_is_cleaned_in_linear_time(piece: str) -> None:
    # A quadratic expression takes minutes on this many characters, and the time limit of the test ends it.
    clean_text((piece * 65536)[:131_072])


def test_the_module_stands_alone_because_the_server_runs_a_copy_of_it() -> None:
    tree = ast.parse(Path(str(catalog.cleaning.__file__)).read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in names} <= set(sys.stdlib_module_names)
