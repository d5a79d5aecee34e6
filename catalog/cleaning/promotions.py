"""Promotions in English."""

from __future__ import annotations

import re

from .goods import GOODS

_SAVED = (
    r"(?!\s?(?:of\s|in\s|on\s)?(?:more\s|less\s)?(?:energy|water|electricity|power|time|space|fuel|batter|paper|gas"
    r"|oil))"
)
# All alternatives begin here: it spares most positions of a text from trying each of them.
_START = r"(?:(?<!\w)(?=[a-z\d])|(?=[@#+]))"
PROMO = re.compile(
    rf"{_START}(?:\bbuy\s(?:any\s)?(?:\d{{1,2}}|one|two|three|four)\s?[+&,]?\s?(?:and\s)?get\s(?:\d{{1,2}}|one|two|three|another|a)\b"
    r"(?:\s?(?:for\s)?free\b|\s?(?:at\s)?\d{1,2}\s?%\s?off\b)?"
    r"|\bB[1-4]G[1-4]F?\b|\bbogo\b"
    r"|(?:\b(?:get|enjoy|with|at|flat|extra|additional|instant|save|upto|up\sto|min(?:imum)?\.?)\s|@\s?){0,3}(?<![\w.])"
    r"\d{1,2}\s?(?:-\s?\d{1,2}\s?)?%\s?(?:off\b(?!-?\s?white)|discount\b|cash\s?back\b|flat\soff\b)(?:\s(?:sale"
    r"|today|on\sall)\b)?"
    rf"|\bsave\s(?:up\s?to\s|upto\s|extra\s)?\d{{1,2}}\s?%{_SAVED}"
    r"|\b(?:with\s|\+\s?)?free\s(?:(?:fast|express|worldwide|same\sday|next\sday|home|and\sfast)\s)?"
    r"(?:shipping|delivery|returns?|gifts?\s(?:inside|included|with)|exchange)\b(?:\s(?:available|worldwide|included"
    r"|today))?"
    r"|\b(?:fast|quick|express|same[\s\-]day|next[\s\-]day|worldwide)\s(?:shipping|delivery|dispatch)\b"
    r"(?!\s(?:trucks?|vans?|drones?)\b)"
    r"|\blimited[\s\-](?:time|period|stock)(?:\s(?:offer|deal|sale|discount|only))?\b|\b(?:while"
    r"|until)\sstocks?\slasts?\b"
    r"|\b(?:special|exclusive|festive|festival|diwali|black\sfriday|cyber\smonday|prime\sday|new\suser|launch"
    r"|introductory|bank|"
    r"hot|today'?s?|great|best|big|mega|super|amazing|flash|lightning|clearance|end\sof\sseason|summer|winter|final|"
    r"grand|crazy|daily)\s(?:offers?|deals?|sale|discounts?)\b(?:\s(?:of\sthe\sday|today|only|price|now))?"
    r"|\bdeal\sof\sthe\sday\b|\b(?:on|hot)\ssale\b|\bsale\s?!|\bclearance\s?!"
    r"|\b(?:(?:no\.?|#)\s?1\s)?best\s?-?seller\b|\bbest\s?-?selling\b|\bhot\s?-?selling\b|\btop\srated\b"
    r"|\b(?:best|lowest|unbeatable|special|discounted|factory|wholesale|reduced)\sprices?\b(?:\s(?:ever|guaranteed?"
    r"|online|today))?"
    r"|\b(?:hurry(?:\sup)?|order\snow|shop\snow|buy\s(?:it\s)?now|grab\s(?:it\s|yours\s)?now|order\stoday"
    r"|add\sto\scart|click\s(?:here|the\slink)|"
    r"buy\sonline|don'?t\smiss(?:\sout)?|last\schance|act\snow)\b"
    r"|\bonly\s(?:a\sfew|few|\d{1,3})\s(?:pcs\s|pieces\s|items?\s)?left(?:\sin\sstock)?\b"
    r"|\bselling\s(?:out\s)?fast\b|\b(?:ready\s)?in\sstock\b|\bships?\s(?:today|now|in\s24\shours)\b"
    r"|\b(?:cash\son\sdelivery|no[\s\-]cost\semi)\b(?:\savailable\b)?|\bcod\savailable\b"
    r"|(?:\b100\s?%\s)?\b(?:money[\s\-]back\sguaranteed?|satisfaction\sguaranteed?)\b"
    r"|\b(?:easy|hassle[\s\-]free|\d{1,2}[\s\-]days?)\s(?:returns?|refunds?|replacement|exchange)\b(?:\spolicy\b"
    r"|\savailable\b)?(?!\s(?:blades?|bulbs?|cartridges?|filters?|heads?|lens(?:es)?|pads?|parts?)\b)"
    r"|\b(?:use|apply|with)\s(?:coupon|promo|voucher)?\s?code\s?:?\s?[A-Z0-9]{3,15}\b"
    r"|\b(?:discount\s)?coupons?\s(?:available|inside|applied)\b"
    rf"|\bnew\sarrivals?\b){GOODS}",
    re.I,
)

PROMO_HINTS = (
    *(f"free {letter}" for letter in "sdrgefwhn"), "buy", "% ", "%o", "%d", "%c", "sale", "offer", "deal", "discount",
    "deliver", "shipping", "dispatch", "cash", "save ", "limited", "sell", "top rated", "hurry", "now", "order ",
    "to cart", "click", "left", "stock", "price", " emi", "guarantee", "easy return", "day return", "days return",
    "refund", "replacement", "exchange", "code", "coupon", "new arrival", "bogo", "b1g", "b2g", "b3g", "b4g", "ships",
    "cod ", "miss", "last chance",
)  # fmt: skip
