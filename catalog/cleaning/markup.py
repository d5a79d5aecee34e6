"""HTML in product texts: entities, tags, and what a browser doesn't show.

Not `html.parser`: its rules change between patch versions of Python, and training and serving must read a text alike
whatever their Python is. That of Python 3.11.7 also takes quadratic time: half a minute for 64 KiB of `<a "`. Every
expression here takes linear time: its matches never cross a `<`, or end where a plain search has found their end.
"""

from __future__ import annotations

import html
import re

_MAX_PASSES = 4
"""An entity can hide a tag, and a tag another; this bounds the passes on texts made to provoke that."""

# Only references that are closed by `;`, and four that are often left open: `Salt&Pepper` and `R&D` are product text.
_ENTITY = re.compile(
    r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});|&(?:nbsp|quot|lt|gt)(?![A-Za-z0-9;=])"
)
_HIDDEN = re.compile(r"<!--|<(script|style|svg)(?=[\s/>])", re.I | re.A)
_HIDDEN_END = {
    "": re.compile("-->"),
    "script": re.compile(r"</script", re.I | re.A),
    "style": re.compile(r"</style", re.I | re.A),
    "svg": re.compile(r"</svg", re.I | re.A),
}
_CDATA = re.compile(r"<!\[CDATA\[|\]\]>")
_DATA = re.compile(r"data:[\w/+.;=\-]{1,100}base64,[A-Za-z0-9+/=%]*", re.A)
# Several words without an attribute are no tag, unless the first one names an element: `<New Edition>`.
_WORDS = (
    r"(?!(?:a|area|article|audio|body|br|button|col|dd|details|dir|div|dl|dt|font|form|frame|h[1-6r]|html|iframe|img"
    r"|input|li|link|meta|object|ol|option|p|script|select|source|span|strong|style|svg|table|td|th|tr|track|ul|video"
    r"|\w+\s+(?:hidden|inert|itemscope))\b)"
    r"[A-Za-z]\w*(?:\s+\w+)+\s*>"
)
# In quotes an attribute may hold `>`. A value that holds a tag itself goes with the next pass.
_TAG = re.compile(
    rf"<(?!{_WORDS})[/!?]?[A-Za-z\[](?:[^<>\"']*(?:\"[^\"<]*\"[^<>\"']*|'[^'<]*'[^<>\"']*)*>|[^<>]*>)", re.I | re.A
)
_CLOSED = re.compile(r"</\s*(\w+)", re.A)
_ELEMENTS = frozenset({
    "a", "abbr", "acronym", "address", "applet", "area", "article", "aside", "audio", "b", "base", "basefont",
    "bdi", "bdo", "bgsound", "big", "blink", "blockquote", "body", "br", "button", "canvas", "caption", "center",
    "cite", "clippath", "code", "col", "colgroup", "content", "data", "datalist", "dd", "defs", "del", "desc",
    "details", "dfn", "dialog", "dir", "div", "dl", "dt", "ellipse", "em", "embed", "fieldset", "figcaption",
    "figure", "font", "footer", "foreignobject", "form", "frame", "frameset", "g", "h1", "h2", "h3", "h4", "h5",
    "h6", "head", "header", "hgroup", "hr", "html", "i", "iframe", "image", "img", "input", "ins", "kbd", "keygen",
    "label", "layer", "legend", "li", "line", "lineargradient", "link", "listing", "main", "map", "mark", "marquee",
    "mask", "math", "menu", "menuitem", "meta", "meter", "multicol", "nav", "nobr", "noembed", "noframes",
    "noscript", "object", "ol", "optgroup", "option", "output", "p", "param", "path", "pattern", "picture",
    "plaintext", "polygon", "polyline", "portal", "pre", "progress", "q", "radialgradient", "rb", "rect", "rp",
    "rt", "rtc", "ruby", "s", "samp", "script", "search", "section", "select", "shadow", "slot", "small", "source",
    "spacer", "span", "stop", "strike", "strong", "style", "sub", "summary", "sup", "svg", "symbol", "table",
    "tbody", "td", "template", "text", "textarea", "tfoot", "th", "thead", "time", "title", "tr", "track", "tspan",
    "tt", "u", "ul", "use", "var", "video", "wbr", "xmp",
})  # fmt: skip
"""Of HTML and of drawings, in lower case."""
# Where a text was cut within a tag.
_OPEN_TAG = re.compile(r"<[A-Za-z][\w:.\-]*\s+[\w:.@\-]+\s*=[^<>]*", re.A)


def remove_markup(text: str, cut: bool = False) -> str:
    """Resolves entities and puts a space for every tag, comment, script, style sheet and drawing.

    Args:
        text: One line. Without `<` and `&` it comes back as it is, and so does what this function has returned.
        cut: Whether the text's end was cut off. What is open there is then hidden to the end, as in a browser.
    """
    for _ in range(_MAX_PASSES):
        if "<" not in text and "&" not in text:
            return text
        before = text
        text = _without_tags(_ENTITY.sub(_character, text), cut)
        if text == before:
            return text
    return text.replace("<", " ").replace("&", " ")


def _without_tags(text: str, cut: bool) -> str:
    """An attribute that holds a tag loses only that; the rest goes with the next pass."""
    if "<" not in text:
        return text
    text = _without_hidden(text, cut)
    closed = {name.lower() for name in _CLOSED.findall(text)}
    text = _TAG.sub(lambda tag: tag.group() if _is_name(tag.group(), closed) else " ", text)
    last = text.rfind("<")
    return text[:last] if last >= 0 and _OPEN_TAG.fullmatch(text, last) else text


def _is_name(tag: str, closed: set[str]) -> bool:
    """Whether a tag is a brand in angle brackets, `<Nike> Air Max`: a capital, no element, and never closed."""
    word = tag[1:-1]
    return word[:1].isupper() and word.isalpha() and word.lower() not in _ELEMENTS and word.lower() not in closed


def remove_data(text: str) -> str:
    """Removes pictures that are written out as `data:image/png;base64,…`."""
    return _DATA.sub(" ", text) if "base64," in text else text


def _without_hidden(text: str, cut: bool) -> str:
    """Removes what stands between the tags of hidden elements, in the order of the text as a browser does.

    One that is never closed stays, as it may be no markup, unless the text was cut.
    """
    if "CDATA" in text:
        text = _CDATA.sub(" ", text)
    parts: list[str] = []
    kept = searched = 0
    unclosed: set[str] = set()
    while (opened := _HIDDEN.search(text, searched)) is not None:
        kind = (opened[1] or "").lower()
        closed = None if kind in unclosed else _HIDDEN_END[kind].search(text, opened.end())
        if closed is None and cut:
            return " ".join([*parts, text[kept : opened.start()]])
        if closed is None:
            unclosed.add(kind)  # nor is any later one closed: this keeps the search linear
            searched = opened.end()
            continue
        parts.append(text[kept : opened.start()])
        kept = searched = closed.start() if kind else closed.end()
    return " ".join([*parts, text[kept:]])


def _character(match: re.Match[str]) -> str:
    return html.unescape(match.group())
