"""In which language a text is told to be: alone, and among the products of its catalogue."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.__main__ import main
from catalog.language import detect_language
from catalog.languages import MOST_CODES, Languages
from catalog.prepare import prepare
from catalog.prepared import SPLITS, read_split
from settings import load_settings

TITLES = {
    "ar": ("فستان صيفي قطني للنساء", "حذاء جلدي رجالي بني", "غطاء شفاف لهاتف iPhone 15"),
    "de": (
        "Damen Sommerkleid aus Baumwolle, knielang",
        "Kinderfahrrad 16 Zoll blau mit Stützrädern",
        "Klappbarer Gartenstuhl aus Holz",
    ),
    "el": ("Ανδρικά δερμάτινα παπούτσια καφέ", "Διάφανη θήκη για iPhone 15"),
    "en": ("Elle blue jeans for women", "Puma men ducati logo tee", "Bosch cordless drill 18V with two batteries"),
    "es": ("Olla de acero inoxidable con tapa", "Silla de jardín plegable de madera", "Reloj de pared silencioso"),
    "fr": ("Chaussures en cuir pour homme marron", "Vélo enfant 16 pouces bleu", "Robe d'été en coton pour femme"),
    "he": ("נעלי עור לגברים חום", "כיסוי שקוף לאייפון 15"),
    "hi": ("पुरुषों के चमड़े के जूते भूरे", "iPhone 15 के लिए पारदर्शी कवर"),
    "it": ("Scarpe in pelle da uomo marroni", "Cuffie senza fili con cancellazione del rumore"),
    "ja": ("レディース サマーワンピース コットン", "iPhone 15 クリアケース", "木製 折りたたみ 椅子"),
    "ko": ("여성 여름 면 원피스", "삼성 갤럭시 충전 케이블 2m", "LG 그램 노트북"),
    "nl": ("Zomerjurk voor dames van katoen", "Kinderfiets 16 inch blauw", "Opklapbare tuinstoel van hout"),
    "pl": ("Buty skórzane męskie brązowe", "Kurtka zimowa wodoodporna z kapturem"),
    "pt": ("Vestido de verão feminino em algodão", "Cadeira de jardim dobrável de madeira"),
    "ru": ("Мужские кожаные туфли коричневые", "Чехол прозрачный для iPhone 15", "Садовый стул складной"),
    "th": ("ชุดเดรสผู้หญิงผ้าฝ้าย", "เคสใส iPhone 15"),
    "tr": ("Erkek deri ayakkabı kahverengi", "Katlanır ahşap bahçe sandalyesi"),
    "vi": ("Giày da nam màu nâu", "Ốp lưng trong suốt iPhone 15"),
    "zh": (
        "夏季连衣裙",
        "iPhone 15 Pro Max 手机壳 透明防摔",
        "夏 季 连 衣 裙 X L",
        "優の品 防水登山外套 男",
        "Xiaomi 小米 手环",
    ),
}


def spoken(*texts: str, given: str | None = None) -> list[str]:
    languages = Languages()
    for text in texts:
        languages.add(text, given)
    return [languages.codes[number] for number in languages.decide()]


@pytest.mark.parametrize("language", TITLES)
def test_a_catalogue_of_one_language_is_told_as_what_it_is(language: str) -> None:
    assert Counter(spoken(*TITLES[language] * 4)) == {language: 4 * len(TITLES[language])}


@pytest.mark.parametrize("language", ["ar", "de", "en", "fr", "he", "hi", "ko", "ru", "th", "vi", "zh"])
def test_a_text_that_stands_alone_is_told_too(language: str) -> None:
    for title in TITLES[language]:
        assert detect_language(title) == language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Oak shelf 80 cm", "en"),
        ("小米 Xiaomi Redmi Note 11 phone case black silicone", "en"),
        ("SKU-4711", "en"),
        ("pan", "en"),
        ("12345 %", "und"),
        ("", "und"),
        ("བོད་སྐད", "und"),
    ],
)
def test_what_says_little_is_english_and_what_says_nothing_is_unknown(text: str, language: str) -> None:
    assert detect_language(text) == language


def test_a_title_likely_in_two_languages_is_in_that_of_the_other_products() -> None:
    title = "Lampe Bureau Nova LED"
    assert spoken(*TITLES["fr"] * 20, title)[-1] == "fr"
    assert spoken(*TITLES["en"] * 20, title)[-1] == "en"
    assert spoken(*["北欧風 木製椅子"] * 2, *TITLES["ja"] * 20)[:2] == ["ja", "ja"]
    assert spoken(*["北欧风 木制椅子"] * 2, *TITLES["zh"] * 20)[:2] == ["zh", "zh"]


def test_languages_stand_side_by_side_and_what_a_row_says_is_kept() -> None:
    both = spoken(*TITLES["en"] * 5, *TITLES["ru"] * 5, *TITLES["de"] * 5)
    assert Counter(both) == {"en": 15, "ru": 15, "de": 15}
    assert spoken(*TITLES["de"], given="fr") == ["fr"] * 3


def test_a_column_of_a_million_languages_is_unknown_beyond_a_thousand() -> None:
    languages = Languages()
    for number in range(MOST_CODES + 500):
        languages.add("plain", f"x{number}")
    assert len(languages.codes) == MOST_CODES + 1
    assert [languages.codes[number] for number in languages.decide()[-500:]] == ["und"] * 500


@given(st.text(st.characters(codec=None)))
def test_any_text_has_a_language_code(text: str) -> None:
    assert 2 <= len(detect_language(text)) <= 3


def test_prepare_tells_the_languages_of_a_korean_german_and_english_shop(tmp_path: Path) -> None:
    rng = random.Random(5)
    words = {
        "ko": "여성 남성 여름 원피스 구두 냄비 의자 충전 케이블 투명 무선 헤드폰 자전거 가죽 나무",
        "de": "Damen Herren Sommerkleid Lederschuhe Kochtopf Gartenstuhl Ladekabel durchsichtig für kabellos Fahrrad",
        "en": "women men summer dress leather shoes cooking pot garden chair charging cable clear for wireless bike",
    }
    path = tmp_path / "shop.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for number in range(300):
            lang = ("ko", "de", "en")[number % 3]
            title = " ".join(rng.sample(words[lang].split(), 6))
            row = {
                "id": f"{lang}-{number}",
                "title": title,
                "category": "home",
                "lang": "KO_kr" if number == 0 else None,
            }
            file.write(json.dumps(row) + "\n")
    (tmp_path / "empty.yaml").write_text("{}")
    prepared = prepare(load_settings(tmp_path / "empty.yaml", [f"catalog.path={path}", f"build_dir={tmp_path / 'b'}"]))
    examples = [example for split in SPLITS for example in read_split(prepared.directory, split)]
    right = sum(example.lang == example.id[:2] for example in examples)
    assert right >= 0.98 * len(examples)
    assert set(prepared.summary["splits"]["train"]["languages"]) >= {"ko", "de", "en"}


def test_check_shows_the_languages_and_joins_the_rare_ones(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "shop.jsonl"
    languages = ["de"] * 200 + ["en"] * 97 + ["hu", "fi", "et"]
    rows = [{"title": f"thing {n}", "category": "home", "lang": lang} for n, lang in enumerate(languages)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "tagger.yaml").write_text("{}")
    assert main(["check", "--config", f"{tmp_path}/tagger.yaml", str(path)]) == 0
    table = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [line for line in table if line and line[0] in ("de", "en", "hu", "fi", "et", "other")] == [
        ["de", "200"], ["en", "97"], ["other", "3"],
    ]  # fmt: skip
