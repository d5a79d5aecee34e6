"""URLs and e-mail addresses."""

from __future__ import annotations

import re

URL = re.compile(
    r"(?<![A-Za-z0-9])(?:https?://|www\.)[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+"
    r"|(?<![A-Za-z0-9@.\-])[A-Za-z0-9\-]{1,63}(?:\.[A-Za-z0-9\-]{1,63}){0,3}\.(?:com|cn|net|org|in|co)/[A-Za-z0-9\-._~/?#&=%]*",
    re.I,
)
EMAIL = re.compile(
    r"(?<![A-Za-z0-9.+\-])[A-Za-z0-9][A-Za-z0-9_.+\-]{0,63}@[A-Za-z0-9\-]{1,63}(?:\.[A-Za-z0-9\-]{1,63}){1,4}"
)

DOMAIN_HINTS = (".com/", ".cn/", ".net/", ".org/", ".in/", ".co/")
