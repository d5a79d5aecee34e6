"""The pages that are made from the code, and the Chinese README beside the English one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs.generate import REFERENCE, ROOT, commands_page, settings_page
from export.engines.onnxruntime_int8 import MAX_CALIBRATION_LOSS, MAX_MEAN_DIFFERENCE, MAX_NEIGHBOUR_DIFFERENCE
from product_tagger_client.bulk import BulkOptions
from tests.docs.pages import blocks_of, prose

ADVICE = "The page is not what the code says. Run `python -m docs.generate`."


def test_the_page_of_settings_is_what_the_schema_says() -> None:
    assert (REFERENCE / "settings.md").read_text(encoding="utf-8") == settings_page(), ADVICE


def test_the_page_of_commands_is_what_the_parsers_say() -> None:
    assert (REFERENCE / "commands.md").read_text(encoding="utf-8") == commands_page(), ADVICE


def test_the_defaults_of_tagging_files_are_those_that_the_page_names() -> None:
    page = (ROOT / "docs" / "how-to" / "tag-files.md").read_text(encoding="utf-8")
    options = BulkOptions(Path("in"), Path("out"))
    assert f"{options.wait:g} seconds, or `--wait SECONDS`" in page
    assert f"in flight ({options.concurrency})" in page


def test_the_fixed_limits_of_the_parity_gate_are_those_that_the_page_names() -> None:
    page = (ROOT / "docs" / "explanation" / "parity-gate.md").read_text(encoding="utf-8")
    assert f"largest difference of a probability | {MAX_MEAN_DIFFERENCE:g} |" in page
    assert f"of categories and of tags | {MAX_CALIBRATION_LOSS:g}, or" in page
    assert f"beside other texts | {MAX_NEIGHBOUR_DIFFERENCE:g} |" in page


@pytest.mark.parametrize("what", ["blocks", "figures", "links", "sections"])
def test_the_chinese_readme_says_the_same_as_the_english_one(what: str) -> None:
    assert facts("README.zh.md")[what] == facts("README.md")[what]


def facts(page: str) -> dict[str, object]:
    """What the two must share: code, the numbers of the tables, links and the number of sections."""
    path = ROOT / page
    text = prose(path.read_text(encoding="utf-8"))
    tables = "\n".join(line for line in text.splitlines() if line.startswith("|"))
    return {
        "blocks": [(block.language, block.code, block.not_run is None) for block in blocks_of(path)],
        "figures": re.findall(r"\d+(?:[.,]\d+)*", re.sub(r"\]\([^)]*\)", "", tables)),
        "links": sorted(set(re.findall(r"\]\(([^)]+)\)", text)) - {"README.md", "README.zh.md"}),
        "sections": len(re.findall(r"^## ", text, re.MULTILINE)),
    }
