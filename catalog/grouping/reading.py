"""Reads a title as numbers, without the words that only tell its variants apart: colour, size, count, model, pack."""

from __future__ import annotations

import re
import unicodedata
import zlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from catalog.grouping import words as lists

MAX_CHARACTERS = 400
MAX_WORDS = 96
"""Of a title that is longer only the beginning is compared."""

BESIDE_COLOUR = 1 << 31
"""Set in the number of a word or character that stands directly before or behind a colour."""
CHARACTERS_BELOW = 1 << 21
"""Smaller numbers are characters of a script without spaces; larger ones are hashes of words."""
_HASH_BIT = 1 << 30
NO_INTEGER = -1
_MOST_KNOWN = 100_000
_LONGEST_KNOWN = 32

_DENSE = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
"""Scripts that put no spaces between words: each character counts as a word."""
_MARKS = "\u0300-\u036f\u0900-\u0dff"
"""Accents and vowel signs: part of the word, though no letters to Python."""
_LETTER = rf"(?:[^\W_{_DENSE}]|[{_MARKS}])"
_TOKEN = re.compile(
    rf"[{_DENSE}]+|[a-z0-9]+(?:[-./+*×][a-z0-9]+)*(?!{_LETTER})|{_LETTER}+|[,;|/()\[\]{{}}<>:、。【】《》「」]|\s[-–—]+\s"
)
"""A word or a code such as XR-204, or a mark that ends what stands before it."""
_STROKES = re.compile("[-–—]+")
_ENDS = " -–—"
_APOSTROPHE = re.compile("['’‘`´]")
_CODE_JOINT = re.compile(r"[-./+*×]")
_PART_OF_CODE = "0x"
_DIGIT = re.compile(r"\d")
_INTEGER = re.compile(r"(?<![A-Za-z0-9.,])(?!0[0-9](?![0-9]))[0-9]{1,6}(?![A-Za-z0-9]|[.,][0-9])")
"""Not `01`, which is how shades are numbered."""
_HAN = re.compile("[\u3400-\u9fff]")
_DENSE_ONLY = re.compile(rf"[{_DENSE}]")


def _any_of(words: str) -> str:
    """A pattern for any of the words, the longest first."""
    return "|".join(sorted(set(words.split()), key=lambda word: (-len(word), word)))


_BASES, _SHADES, _MEASURES = lists.HAN_BASES, lists.HAN_SHADES, lists.HAN_MEASURES
_HAN_COLOUR = re.compile(
    r"(?!(?<=[0-9])米)"  # 1.8米灰 has a length, not the colour 米灰
    rf"(?:[深浅淡亮暗]?(?:(?:{_any_of(lists.HAN_TINTS)})[{_BASES}粉金银]|(?:{_any_of(lists.HAN_FOOD_TINTS)})[{_BASES}金银]"
    rf"|{_any_of(lists.HAN_COLOURS)}|[{_BASES}粉][{_BASES}]+)(?:拼|撞|相间|条纹)?[色系]*"
    rf"|[{_SHADES}]?[{_BASES}粉咖杏驼茶金银]色系?|[{_SHADES}][{_BASES}](?![{_BASES}]))"
)
_HAN_SIZE = re.compile(
    rf"{_any_of(lists.HAN_SIZES)}|第?[{lists.HAN_NUMERALS}]+[{_MEASURES}代][装入裝套]?|[a-z][款版]|单[{_MEASURES}](?![{_DENSE}])"
)
_HAN_NUMBER = re.compile(
    rf"(?<![a-z0-9])[0-9]+(?:[-.*×x/~—][0-9]+)*\s?"
    rf"(?:(?:ml|kg|cm|mm|g|l|m)(?![a-z0-9])|{_any_of(lists.HAN_UNITS)}|[{_MEASURES}代])(?:/?[{_MEASURES}])?[装入裝套]?"
)
_HAN_COLOUR_ALONE = re.compile(rf"[\u3400-\u9fff]{{0,2}}(?:[{_BASES}粉金银]|色)")


# What a word may be, by the lists and by its form.
_COLOUR, _SHY, _SHADE, _FOOD, _VESSEL = 1, 2, 4, 8, 16
_SIZE, _BEFORE_SIZE, _UNIT, _BEFORE_NUMBER, _NUMBER = 32, 64, 128, 256, 512
_STOP, _MARK, _HAN_WORD, _NUMBER_WORD, _SHY_SIZE = 1024, 2048, 4096, 8192, 16384
_WHOLE, _TAKEN = 32768, 65536
"""A whole number that stands alone; the place of a Chinese colour."""
_COLOUR_PLACE = "\x01"
_COLOURED = _COLOUR | _SHY | _HAN_WORD
_VARIANT = _SIZE | _BEFORE_SIZE | _UNIT | _BEFORE_NUMBER | _NUMBER | _NUMBER_WORD | _SHY_SIZE


def _classes() -> dict[str, int]:
    found: dict[str, int] = {"of": _STOP}
    for words, bit in (
        (lists.COLOURS, _COLOUR), (lists.SHY_COLOURS, _SHY), (lists.SHADES, _SHADE), (lists.FOODS, _FOOD),
        (lists.FOOD_VESSELS, _VESSEL), (lists.SIZES, _SIZE), (lists.BEFORE_SIZE, _BEFORE_SIZE), (lists.UNITS, _UNIT),
        (lists.SHY_SIZES, _SHY_SIZE), (lists.BEFORE_NUMBER, _BEFORE_NUMBER), (lists.NUMBERS, _NUMBER_WORD),
        (lists.STOP_WORDS, _STOP),
    ):  # fmt: skip
        for word in map(str.casefold, words):
            found[word] = found.get(word, 0) | bit
    return found


_CLASSES = _classes()


@dataclass(frozen=True)
class Titles:
    """Titles as numbers.

    Attributes:
        words: Hashes of the words left, all titles one after the other, uint32.
        starts: [N + 1] where each title's words start.
        colours: [N] a number for the colours each title had; 0: none.
        integers: [N, 2] the first and the last whole number that stands alone in each title; NO_INTEGER: none.
    """

    words: NDArray[np.uint32]
    starts: NDArray[np.int64]
    colours: NDArray[np.uint32]
    integers: NDArray[np.int32]

    def __len__(self) -> int:
        """Number of titles."""
        return len(self.colours)


class TitleReader:
    """Takes titles one by one and keeps their numbers, about 4 bytes a word."""

    def __init__(self) -> None:
        """Starts without any title."""
        self._words, self._counts, self._colours, self._integers = array("I"), array("H"), array("I"), array("i")
        self._known = KnownWords()

    def add(self, title: str) -> None:
        """Reads one more title."""
        words, colour, integers = read_title(title, self._known)
        self._words.extend(words)
        self._counts.append(len(words))
        self._colours.append(colour)
        self._integers.append(int(integers[0]) if integers else NO_INTEGER)
        self._integers.append(int(integers[-1]) if integers else NO_INTEGER)

    def titles(self) -> Titles:
        """Returns all titles read so far."""
        starts = np.concatenate(([0], np.cumsum(np.array(self._counts, dtype=np.int64))))
        colours, integers = np.array(self._colours, dtype=np.uint32), np.array(self._integers, dtype=np.int32)
        return Titles(np.array(self._words, dtype=np.uint32), starts, colours, integers.reshape(-1, 2))


class Word(NamedTuple):
    """A word, what it may be, and its numbers: its characters' in a script without spaces."""

    text: str
    found: int
    numbers: tuple[int, ...]


class KnownWords(dict[str, tuple[Word, ...]]):
    """What stands between two spaces → its words, worked out once: the same come again and again."""

    def __missing__(self, piece: str) -> tuple[Word, ...]:
        """Works out a new one; forgets all when there are too many."""
        if piece == _COLOUR_PLACE:
            return (Word(piece, _TAKEN, ()),)
        # Strokes between two spaces are a mark.
        words = tuple(_words_of(" - ")) if _STROKES.fullmatch(piece) else _words_of_piece(piece)
        if len(piece) <= _LONGEST_KNOWN:
            if len(self) >= _MOST_KNOWN:
                self.clear()
            self[piece] = words
        return words


def _words_of_piece(piece: str) -> tuple[Word, ...]:
    if piece.isascii() and piece.isalpha():  # most pieces; the pattern finds nothing else in them
        return (Word(piece, _CLASSES.get(piece, 0), _numbers(piece)),)
    words: list[Word] = []
    end = -1
    for match in _TOKEN.finditer(piece):
        for word in _words_of(match.group()):
            if word.found & _HAN_WORD and match.start() == end and not words[-1].found & (_NUMBER | _MARK):
                # Right behind a Latin word no colour stands alone: ins风竹青.
                word = word._replace(found=word.found & ~_HAN_WORD)
            words.append(word)
        end = match.end()
    return tuple(words)


def _words_of(token: str) -> Iterator[Word]:
    texts = _CODE_JOINT.split(token) if token[0].isalnum() and token.isascii() else [token]
    if len(texts) > 1 and _DIGIT.search(token):
        # Of a model, size or count such as XR-204B or 30x40 its longer words are left.
        texts = [text if text.isalpha() and len(text) > 3 else _PART_OF_CODE for text in texts]
    for text in texts:
        yield Word(text, _class_of(text), _numbers(text))


def read_title(title: str, known: KnownWords) -> tuple[list[int], int, list[str]]:
    """Reads one title.

    Args:
        title: A text in any language; only its first MAX_CHARACTERS count.
        known: The words of titles read before.

    Returns:
        The words left, in their order, as numbers (each character of Chinese, Japanese and Thai is a word); a number
        for the colours taken out, 0 where there was none; and the whole numbers that stand alone. A title of variant
        words alone is read whole.
    """
    text = unicodedata.normalize("NFKC", title[:MAX_CHARACTERS]).casefold()[:MAX_CHARACTERS].strip(_ENDS)
    if not text.isascii() or "'" in text or "`" in text:
        text = _APOSTROPHE.sub("", text)
    plain, colours, integers = text, list[str](), list[str]()
    if not text.isascii() and _HAN.search(text):
        integers = _INTEGER.findall(text)
        colours = _HAN_COLOUR.findall(text)
        if colours:
            text = _HAN_COLOUR.sub(f" {_COLOUR_PLACE} ", text)
        text = _HAN_SIZE.sub(" ", _HAN_NUMBER.sub(" ", text))
    words: list[Word] = []
    for piece in text.split():
        words += known[piece]
    left, more = _read_words(words)
    if not left:
        whole = [number for token in _TOKEN.findall(plain) for number in _numbers(token)]
        return whole[:MAX_WORDS], 0, []
    colours += more
    integers = integers or [word.text for word in words if word.found & _WHOLE]
    return left[:MAX_WORDS], zlib.crc32("".join(colours).encode()) | 1 if colours else 0, integers


def _read_words(words: list[Word]) -> tuple[list[int], list[str]]:
    """The numbers of the words that no rule takes, and the colours among those taken."""
    classes = [word.found for word in words]
    if not any(classes):
        return [number for word in words for number in word.numbers], []
    colours = _colours(words, classes) if any(found & _COLOURED for found in classes) else None
    left: list[int] = []
    taken: list[str] = []
    after_number = after_colour = False
    last = len(words) - 1
    for index, found in enumerate(classes):
        if found:
            if found & _TAKEN or (colours is not None and colours[index]):
                if not found & _TAKEN:
                    taken.append(words[index].text)
                if left and index and words[index - 1].numbers[-1:] == (left[-1],):
                    left[-1] |= BESIDE_COLOUR
                after_colour = True
                continue
            if found & _MARK:
                after_number = after_colour = False
                continue
            if found & _VARIANT:
                following = classes[index + 1] if index < last else 0
                number = bool(found & _NUMBER or (found & _NUMBER_WORD and following & _UNIT))
                if (
                    number
                    or (after_number and found & _UNIT)
                    or found & _SIZE
                    or (found & _SHY_SIZE and _alone(classes, colours, index))
                    or (found & _BEFORE_SIZE and following & _SIZE)
                    or (found & _BEFORE_NUMBER and _number_follows(words, classes, index + 1))
                ):
                    after_number, after_colour = after_number or number, False
                    continue
            after_number = False
            if found & _STOP:
                after_colour = False
                continue
        else:
            after_number = False
        if after_colour and words[index].numbers:
            left.append(words[index].numbers[0] | BESIDE_COLOUR)
            left += words[index].numbers[1:]
        else:
            left += words[index].numbers
        after_colour = False
    return left, taken


def _alone(classes: list[int], colours: list[bool] | None, index: int) -> bool:
    """Whether a word has a place of its own: between marks, ends and colours, or last of all but such."""
    last = len(classes) - 1

    def is_free(beside: int) -> bool:
        return classes[beside] & (_MARK | _NUMBER | _TAKEN) > 0 or (colours is not None and colours[beside])

    if last < 1 or (index < last and not is_free(index + 1)):
        return False
    return index == 0 or is_free(index - 1) or all(map(is_free, range(index + 1, last + 1)))


def _class_of(word: str) -> int:
    if word in _CLASSES:
        return _CLASSES[word]
    if word == _PART_OF_CODE:
        return _NUMBER
    if word.isascii():
        if word.isalpha():
            return 0
        whole = _WHOLE if _INTEGER.fullmatch(word) else 0
        return _NUMBER | whole if word[0].isalnum() else _MARK
    if "\u3400" <= word[0] <= "\u9fff":
        return _HAN_WORD
    if word.isalpha():
        return 0
    if _DIGIT.search(word):
        return _NUMBER
    return 0 if word[0].isalpha() else _MARK


def _number_follows(words: list[Word], classes: list[int], index: int) -> bool:
    if index < len(words) and words[index].text == "of":
        index += 1
    return index < len(words) and classes[index] & (_NUMBER | _NUMBER_WORD) > 0


def _colours(words: list[Word], classes: list[int]) -> list[bool]:
    """Which of the words are colours of the product, not part of its name."""
    found = [False] * len(words)
    last = len(words) - 1
    at_edge = _at_edge(classes)
    for index in range(last, -1, -1):
        own = classes[index]
        if not own & (_COLOURED | _SHADE):
            continue
        following = classes[index + 1] if index < last else _MARK
        if own & _COLOUR:
            found[index] = not _names_a_food(classes, index)
        elif own & (_SHADE | _SHY) and index < last and found[index + 1]:
            found[index] = True  # dark green, chocolate brown
        elif own & _SHY:
            opens = index == 0 or classes[index - 1] & (_MARK | _TAKEN)
            closes = following & (_MARK | _SIZE | _NUMBER | _TAKEN)
            if opens and closes:
                found[index] = last > 0
            elif (closes or at_edge[index]) and not own & _FOOD:
                found[index] = not _names_a_food(classes, index)
        elif own & _HAN_WORD and last > 0:
            found[index] = _HAN_COLOUR_ALONE.fullmatch(words[index].text) is not None
    for index in range(1, len(words)):
        if found[index - 1] and classes[index] & _SHY and not classes[index] & _FOOD:
            found[index] = found[index] or not _names_a_food(classes, index)
    return found


def _at_edge(classes: list[int]) -> list[bool]:
    """Which words have only colours, sizes, counts and marks between themselves and the title's begin or its end."""
    at_edge = [False] * len(classes)
    for order in (range(len(classes)), range(len(classes) - 1, -1, -1)):
        for index in order:
            if not classes[index] & (_COLOUR | _SHY | _SHADE | _VARIANT | _MARK | _STOP | _TAKEN):
                break
            at_edge[index] = True
    return at_edge


def _names_a_food(classes: list[int], index: int) -> bool:
    """Whether a colour belongs to the food after it: green tea, but not a red coffee mug."""
    following = classes[index + 1 : index + 3]
    return bool(following) and following[0] & _FOOD > 0 and not following[-1] & _VESSEL


def _numbers(word: str) -> tuple[int, ...]:
    """The number of a word, or those of its characters; none for a mark."""
    if not word.isascii() and _DENSE_ONLY.match(word):
        return tuple(map(ord, word))
    if not word[0].isalnum():
        return ()
    return (zlib.crc32(word.encode("utf-8", "surrogatepass")) & 0x3FFFFFFF | _HASH_BIT,)
