"""Whether a text looks like what people write in the encoding that it was decoded from.

The double-byte encodings of East Asia share most of their bytes, so that Chinese decodes as Korean without an error.
What comes out is recognised by its characters: rare ones, and scripts that nobody mixes.
"""

from __future__ import annotations

import re

# What shops' programs still write. More candidates would only make it harder to tell them apart.
CANDIDATES = [
    "gb18030", "big5", "cp949", "cp932", "euc_jp", "cp1251", "koi8_r", "cp1250", "cp1252", "cp1253", "cp1254", "cp874",
]  # fmt: skip
_LEAST_CHARACTERS = 6
_HAN = re.compile("[\u4e00-\u9fff]")
_HANGUL = re.compile("[\uac00-\ud7a3]")
_KANA = re.compile("[\u3041-\u30ff]")
# Where the common characters lie: level 1 of GB 2312, of Big5.
_LEVEL_1 = {"gb18030": (0xB0A1, 0xD7FA), "big5": (0xA440, 0xC67F)}


def is_plausible(text: str, encoding: str) -> bool:
    """Whether a text may have been written in one of CANDIDATES.

    Args:
        text: As that encoding decodes it.
        encoding: One of CANDIDATES.
    """
    han, hangul, kana = (len(script.findall(text)) for script in (_HAN, _HANGUL, _KANA))
    if encoding not in ("gb18030", "big5", "cp949", "cp932", "euc_jp"):
        return True
    if len(set(filter(lambda char: not char.isascii(), text))) < _LEAST_CHARACTERS:
        return False
    if encoding == "cp949":  # Korean is hardly written with Chinese characters any more
        return hangul > 0 and han + kana <= 0.05 * hangul
    if encoding in ("cp932", "euc_jp"):
        return hangul == 0 and kana >= 0.15 * (han + kana) > 0
    first, last = _LEVEL_1[encoding]
    codes = (int.from_bytes(char.encode(encoding), "big") for char in _HAN.findall(text))
    common = sum(first <= code < last for code in codes)
    return han > 0 and hangul + kana <= 0.05 * han and common >= 0.75 * han
