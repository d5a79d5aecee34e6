"""Language codes as shops write them: `zh_TW`, `EN-us`, `eng`, `cn`, `German`, `中文` become the code of a language."""

from __future__ import annotations

import re
import unicodedata

_BETWEEN = re.compile(r"[\s()_,-]+")
_CODE = re.compile(r"([a-z]{2,3})(?:[-_][a-z0-9]{1,8}){0,6}(?:[.@].{0,20})?")

_ALIASES = {
    # Countries and old codes written for languages. `se`, `tw` and `in` are codes of small languages too.
    "cn": "zh", "tw": "zh", "hk": "zh", "jp": "ja", "kr": "ko", "us": "en", "gb": "en", "cz": "cs", "dk": "da",
    "gr": "el", "se": "sv", "ua": "uk", "vn": "vi", "in": "id", "iw": "he", "ji": "yi", "nb": "no", "nn": "no",
    # Three letters, where there are two.
    "ara": "ar", "bul": "bg", "cat": "ca", "ces": "cs", "cze": "cs", "chi": "zh", "cmn": "zh", "zho": "zh",
    "dan": "da", "deu": "de", "ger": "de", "dut": "nl", "nld": "nl", "ell": "el", "gre": "el", "eng": "en",
    "est": "et", "fas": "fa", "per": "fa", "fin": "fi", "fra": "fr", "fre": "fr", "heb": "he", "hin": "hi",
    "hrv": "hr", "hun": "hu", "ind": "id", "ita": "it", "jpn": "ja", "kor": "ko", "lav": "lv", "lit": "lt",
    "may": "ms", "msa": "ms", "nor": "no", "nob": "no", "nno": "no", "pol": "pl", "por": "pt", "ron": "ro",
    "rum": "ro", "rus": "ru", "slk": "sk", "slo": "sk", "slv": "sl", "spa": "es", "srp": "sr", "swe": "sv",
    "tha": "th", "tur": "tr", "ukr": "uk", "urd": "ur", "vie": "vi",
    # Names.
    "arabic": "ar", "bengali": "bn", "bulgarian": "bg", "chinese": "zh", "croatian": "hr", "czech": "cs",
    "danish": "da", "dutch": "nl", "english": "en", "estonian": "et", "finnish": "fi", "french": "fr",
    "german": "de", "greek": "el", "hebrew": "he", "hindi": "hi", "hungarian": "hu", "indonesian": "id",
    "italian": "it", "japanese": "ja", "korean": "ko", "latvian": "lv", "lithuanian": "lt", "malay": "ms",
    "mandarin": "zh", "norwegian": "no", "persian": "fa", "polish": "pl", "portuguese": "pt", "romanian": "ro",
    "russian": "ru", "serbian": "sr", "slovak": "sk", "slovenian": "sl", "spanish": "es", "swedish": "sv",
    "tamil": "ta", "telugu": "te", "thai": "th", "turkish": "tr", "ukrainian": "uk", "urdu": "ur",
    "vietnamese": "vi", "simplified chinese": "zh", "traditional chinese": "zh", "chinese simplified": "zh",
    "chinese traditional": "zh", "american english": "en", "british english": "en", "brazilian portuguese": "pt",
    "deutsch": "de", "español": "es", "français": "fr", "italiano": "it", "nederlands": "nl", "polski": "pl",
    "português": "pt", "svenska": "sv", "türkçe": "tr", "tiếng việt": "vi", "русский": "ru", "українська": "uk",
    "中文": "zh", "汉语": "zh", "漢語": "zh", "简体中文": "zh", "簡體中文": "zh", "繁體中文": "zh", "繁体中文": "zh",
    "英语": "en", "英語": "en", "英文": "en", "日本語": "ja", "日语": "ja", "한국어": "ko", "韩语": "ko", "ไทย": "th",
    "हिन्दी": "hi", "العربية": "ar", "עברית": "he", "ελληνικά": "el",
}  # fmt: skip
_NO_LANGUAGE = frozenset({"und", "mul", "zxx", "mis", "all", "any", "xx", "xxx", "na", "tbd"})


def normalize_language(written: str | None) -> str | None:
    """Makes a language code of what a shop writes.

    Args:
        written: A BCP 47 code (`zh-Hant-TW`), a POSIX locale (`de_DE.UTF-8`), an ISO 639 code, a language's name, or a
            country's code where it is usual for the language (`cn`, `jp`).

    Returns:
        The language in its shortest code, without script and region: `zh`, `de`. None where nothing can be read, so
        that the language is told by the text.
    """
    if not written:
        return None
    word = " ".join(unicodedata.normalize("NFKC", written)[:60].casefold().split())
    name = _BETWEEN.sub(" ", word).strip()
    if name in _ALIASES:
        return _ALIASES[name]
    code = _CODE.fullmatch(word)
    if code is None or code.group(1) in _NO_LANGUAGE:
        return None
    return _ALIASES.get(code.group(1), code.group(1))
