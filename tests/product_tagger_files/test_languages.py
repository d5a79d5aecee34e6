"""What shops write into a column of languages."""

from __future__ import annotations

import pytest

from product_tagger_files.languages import normalize_language


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("zh-CN", "zh"), ("zh_TW", "zh"), ("zh-Hant-HK", "zh"), ("cn", "zh"), ("CN", "zh"), ("中文", "zh"),
        ("Chinese (Simplified)", "zh"), ("cmn-Hans", "zh"), ("EN_us", "en"), ("english", "en"), ("English ", "en"),
        ("ＥＮ", "en"), ("eng", "en"), ("de_DE.UTF-8", "de"), ("Deutsch", "de"), ("ger", "de"), ("jp", "ja"),
        ("kr", "ko"), ("ko-KR", "ko"), ("iw", "he"), ("nb-NO", "no"), ("pt-BR", "pt"), ("sr-Latn-RS", "sr"),
        ("yue", "yue"), ("Français", "fr"), ("uk", "uk"),
    ],
)  # fmt: skip
def test_codes_locales_names_and_usual_countries_become_a_language(written: str, code: str) -> None:
    assert normalize_language(written) == code


@pytest.mark.parametrize("written", [None, "", " ", "und", "mul", "n/a", "all", "other", "1", "en|de", "?" * 5000])
def test_what_names_no_language_leaves_it_to_the_text(written: str | None) -> None:
    assert normalize_language(written) is None
