"""Prices, with the words that announce them, in English and Chinese."""

from __future__ import annotations

import re

from .goods import ZH_GOODS

# Thousands in groups of three, or as in India of two; up to two decimals.
_NUM = r"(?:\d{1,3}(?:,\d{2,3}){1,3}(?!\d)(?:\.\d{1,2}(?!\d))?|\d{1,7}(?!\d)(?:\.\d{1,2}(?!\d))?)"
# `RS 200` is a motorcycle, `Rs 200` a price.
_SIGN = r"(?:(?:US|HK|AU|CA|NZ|SG|NT|[ACS])?\$|[¥€£₹₩₽]|\bRMB|\bINR|\bUSD|\bGBP|\bHKD|(?<!-)\b(?-i:Rs\.?|rs\.?|RS\.))"
# `CNY 2025` may be the Chinese New Year, `EUR 42` a shoe size: these codes need a price's decimals.
_CODE = r"(?:\bCNY|\bEUR|\bAUD|\bCAD|\bJPY)\s?\d{1,7}\.\d{2}(?!\d)"
_YUAN = (
    r"(?:元(?!素|气|宝|旦|件|宵|老|祖|青|贝)|块钱|圆(?=[起/包,。!\s]|$)|人民币|RMB\b|CNY\b|USD\b|INR\b|rupees\b"
    r"|yuan\b|dollars\b|€|¥|₹)"
)
_TAIL = (
    r"(?:\s?/-|\s?/\s?(?:件|个|套|双|瓶|盒|包|袋|斤|kg|lit(?:re|er)?\b\.?|pc\b|pcs\b|piece\b|each\b|unit\b)"
    r"|\s?起(?!球|毛|皱|泡|子|重|来|点|居|动|司|订)|\+)?"
)
_AMOUNT = (
    rf"(?:{_SIGN}\s?:?\s?{_NUM}\s?(?:万?(?:元|块钱|人民币))?|{_CODE}|(?<![A-Za-z0-9_.,]){_NUM}\s?万?{_YUAN}"
    rf"|(?<![A-Za-z0-9_.,/\-]){_NUM}\s?/-)"
)
_PRICE_WORDS = (
    r"(?:(?:\bM\.?R\.?P\.?|\b(?:list|sale|offer|deal|our|special|regular|original|retail|best)\sprice|\bprice|\bwas"
    r"|\bnow|"
    r"\bonly|\bjust|\bfrom|\bstarting(?:\s(?:at|from))?|\bunder|\bworth|\bat|@)[\s:=]{0,3}){0,3}"
)
_ZH_PRICE_WORDS = (
    r"(?:(?:(?:到手|券后|原|现|特|售|卖|活动|促销|秒杀|拼团|团购|会员|市场|吊牌|专柜|批发|折后|优惠|预售|直播间?"
    r"|抢购|秒杀|日常|参考|定|均|内购|"
    r"新人|首单|底|单|全)价|价格|价值|券后|到手|仅需|仅售|只需|只要|只卖|低至|低价|售价)\s?[:为是]?\s?(?:仅需?|只要"
    r"|约|低至)?\s?)"
)
# All alternatives begin here: it spares most positions of a text from trying each of them.
_START = (
    r"(?=[到券原现特售卖活促秒拼团会市吊专批折优预直抢日参定均内新首底单全价仅只低$¥€£₹₩₽@\d]|(?<!\w)[a-z]"
    r"|(?:US|HK|AU|CA|NZ|SG|NT|[ACS])\$)"
)
PRICE = re.compile(
    rf"{_START}(?:{_ZH_PRICE_WORDS}|{_PRICE_WORDS}){_AMOUNT}{_TAIL}"
    rf"(?:\s?[-~至到]\s?(?:{_SIGN}\s?)?{_NUM}\s?{_YUAN}?{_TAIL})?"
    r"(?:\s?(?:only\b|off\b(?!-?\s?white)|discount\b|cashback\b|\(?(?:incl(?:usive|\.)?|including)\sof\sall\staxes\)?))?",
    re.I,
)
# A bare number is a price only right after a word that means nothing else, and not with a unit behind it.
_UNIT = (
    r"(?!\d|[.,]\d|\s?[%°\"'×*/]|[A-Za-z]|\s(?:k?g|gms?|m?l|[cm]?m|pcs|inch|[gmt]b|[avw]|mah|oz|lbs?|packs?|pieces?)\b"
    r"|\s?[寸码克斤升毫米厘公支片件只双条包袋盒瓶枚粒张颗抽卷层个套度代款色年岁月天日倍合])"
)
BARE_PRICE = re.compile(
    r"(?:(?:到手|券后|原|现|特|售|活动|促销|秒杀|拼团|团购|会员|市场|吊牌|专柜|批发|折后|优惠|预售|直播间?|抢购|日常"
    r"|参考|内购|新人|首单)价"
    rf"(?:格(?!外))?(?![格值牌位]|签(?![字名约])|标签|目表){ZH_GOODS})\s?:?\s?(?:仅需?|只要|约)?\s?(?<!\d)(?:{_NUM}{_UNIT})?"
    rf"|(?<!拿)(?:券后|到手)\s?:?\s?(?:仅需?|只要|约)?\s?{_NUM}{_UNIT}"
    rf"|(?:\bM\.?R\.?P\.?|\b(?:(?:list|sale|offer|deal|our|regular|retail)\s)?price)\s?[:=]\s?{_NUM}{_UNIT}",
    re.I,
)

PRICE_HINTS = (
    "$", "rs.", " rs ", "(rs ", ":rs", *(f"rs{digit}" for digit in range(1, 10)), "rmb", "inr", "usd", "gbp", "hkd",
    "cny", " eur", " aud ", " cad ", "jpy", "/-", "price", "mrp", "m.r.p", "rupee", "yuan", "dollar",
)  # fmt: skip
ZH_PRICE_HINTS = ("元", "块钱", "圆", "人民币", "价", "券后", "到手", "¥", "€", "£", "₹", "₩", "₽")
