"""Star ratings and review counts, English and Chinese."""

from __future__ import annotations

import re

# `5 Star` alone stays: it is an energy label, a brand, a grade of hotel linen.
RATING = re.compile(
    r"(?=[\d★☆⭐评]|(?<!\w)[crs])(?:(?:\b(?:rated|(?:customer\s)?rating\s?:|score\s?:|评分\s?:?|评价\s?:)\s{0,3})?"
    r"(?:"
    r"(?<![\d.,/])[0-5](?:\.\d)?\s{0,2}(?:out\sof|/)\s{0,2}5(?:\.0)?\s{0,2}(?:stars?\b|分|[★☆⭐])"
    r"|(?<![\d.,/])[0-5](?:\.\d)?\s?out\sof\s5\b(?![.,]?\d)"
    r"|(?<![\d.,/])[0-5]\.\d\s?/\s?5(?![.,]?\d|\s?[A-Za-z\"'°×*/])"
    r"|(?<![\d.,/])[0-5]\.\d[\s\-]?stars?\b(?:\s?ratings?\b)?"
    r"|(?<![\d.,/])[0-5](?:\.\d)?\s?[★☆⭐]{1,5}"
    r"|[★☆⭐]{1,5}\s?[0-5]\.\d(?![\d.])"
    r")"
    r"|\b(?:rated|(?:customer\s)?rating\s?:)\s{0,3}[0-5]\.\d(?![\d.A-Za-z]|\s?[\"'°×*/%]|\s(?:[avwm]|mm|cm|kg|inch)\b)"
    r"|评分\s?:?\s?[0-5]\.\d\s?分?"
    r"|[★☆⭐]{2,10})",
    re.I,
)
REVIEWS = re.compile(
    r"(?<![\w.,])\d[\d,.]{0,9}[km]?\+?\s{0,2}(?:(?:customer|verified|global|happy|positive|5[\s\-]star"
    r"|five[\s\-]star)\s){0,2}"
    r"(?:reviews?|ratings?|customers)\b"
    r"|(?<![\w.,])\d[\d,.]{0,9}[km]?\+?\s{0,2}(?:units?\s|pcs\s|pieces\s)?(?:sold\b(?!\s(?:separately|as|out|by))"
    r"|bought\sin\spast\smonth)"
    r"|\b(?:5|five)[\s\-]star\sreviews?\b",
    re.I,
)
ZH_REVIEWS = re.compile(
    r"(?:好评率?|满意度)\s?:?\s?(?:高达|超过?)?\s?\d{1,3}(?:\.\d{1,2})?%|\d{1,3}(?:\.\d{1,2})?%\s?(?:好评率?|的?回头客)"
    r"|(?:月销|月售|已售|销量|热销|已拼|累计(?:评价|销量|售出|热销)|评价数?|评论数?|付款人数)\s?:?\s?(?:超过?|突破"
    r"|达)?\s?"
    r"\d{1,9}(?:\.\d)?\s?[万千百wWkK]?\+?\s?余?(?:件|条|人|单|份|笔|盒|瓶|包)?"
    r"|\d{1,9}(?:\.\d)?\s?[万千百wWkK]?\+?\s?余?(?:条|个|人|位)?(?:用户)?(?:评价|评论|好评|晒单|人付款|人收货"
    r"|人已购买|人购买|人种草|人推荐)"
)

RATING_HINTS = ("star", "rated", "rating", "out of", "/5", "/ 5", "score", "★", "☆", "⭐", "评")
REVIEW_HINTS = ("review", "rating", "sold", "customers", "bought in")
ZH_REVIEW_HINTS = (
    "好评", "满意度", "回头客", "月销", "月售", "已售", "销量", "热销", "已拼", "累计", "评价", "评论", "付款",
    "晒单", "收货", "购买", "种草", "推荐",
)  # fmt: skip
