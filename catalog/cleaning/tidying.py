"""What removals leave behind: empty brackets, doubled separators, loose ends."""

from __future__ import annotations

import re

_EMPTY_BRACKETS = re.compile(r"[(\[{【「『《〈<][\s\-–—|,;:.!+&/、。*@~]{0,20}[)\]}】」』》〉>]")
_BRACKET_START = re.compile(
    r"(?<=[(\[{【「『《])(?:\s{0,3}[|,;:!&/、。*@~][\s\-–—|,;:!+&/、。*@~]{0,10}"
    r"|\s{0,3}[-–—+]\s[\s|,;:!+&/、。*@~]{0,10}|\s{1,3})"
)
_BRACKET_END = re.compile(r"\s{0,3}[-–—|,;:!+&/、。*@~\s]{1,10}(?=[)\]}】」』》])")
_SAME_MARK = re.compile(r"([^\w\s.])\1{2,}")
_SEPARATORS = re.compile(r"(?:\s?([|,;、。!~•·/])\s?)(?:[|,;、。!~•·/]\s?){1,20}")
_LOOSE_DASHES = re.compile(r"\s([-–—|])(?:\s[-–—|+&]){1,5}(?=\s)")
_LOOSE_MARK = re.compile(r"\s([,;、。!])")
ENDS = " \t|,;:~*•·、_^`!=@"
_DASH_END = re.compile(r"\s[-–—/+&|,;:!~@\s]{1,20}$")
_DASH_START = re.compile(r"^[-–—/+&|,;:!~。.\s]{1,20}(?=\s)")


def tidy(text: str) -> str:
    """Removes what removals have left behind in a text."""
    text = " ".join(text.split())
    text = _SAME_MARK.sub(r"\1", text)
    text = _EMPTY_BRACKETS.sub(" ", text)
    text = _BRACKET_START.sub("", text)
    text = _BRACKET_END.sub("", text)
    text = _SEPARATORS.sub(r" \1 ", text)
    text = _LOOSE_DASHES.sub(r" \1", text)
    text = _LOOSE_MARK.sub(r"\1", text)
    text = _DASH_END.sub("", _DASH_START.sub("", text.strip(ENDS)))
    return " ".join(text.split()).strip(ENDS)
