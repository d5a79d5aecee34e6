"""Text cleaning for product titles and descriptions, English and Chinese.

`clean_text` removes what says nothing about a product: HTML, URLs, prices, star ratings, review counts, promotions,
emoji. It keeps sizes, capacities, percentages, materials and model numbers.

This module imports only the standard library. The export copies the file into each release, so the server cleans a
text with the very code that cleaned the training texts.

How it stays fast (about 10 µs for a usual title): each step starts with a plain substring test, and its regular
expression runs only where a text can match. How it stays safe on hostile text: every quantifier is bounded, so no
expression takes more than linear time.
"""

from __future__ import annotations

import html
import re
import unicodedata

_MAX_PASSES = 4
"""A removal can bring together what the next pass removes; this bounds the passes on texts made to provoke that."""

# --- HTML -------------------------------------------------------------------------------------------------------------

# Only references that are closed by `;`, and four that are often left open: `Salt&Pepper` and `R&D` are product text.
_ENTITY = re.compile(
    r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});|&(?:nbsp|quot|lt|gt)(?![A-Za-z0-9;=])"
)
_HIDDEN = (("<!--", "-->"), ("<script", "</script"), ("<style", "</style"))
_TAG = re.compile(r"</?[A-Za-z!][^<>]{0,500}>")

# --- characters -------------------------------------------------------------------------------------------------------

# Before NFKC, which would write ™ as the letters TM, and so glue them to the word before.
_MARKS = dict.fromkeys(map(ord, "®™℠©\ufffd"), " ") | {ord("✕"): "×", ord("✖"): "×", ord("❌"): "×"}
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u20e3\ufe00-\ufe0f\ufeff\U000e0001-\U000e01ef]")
_PICTURE = re.compile(
    "[\u2190-\u21ff\u231a\u231b\u23e9-\u23ff\u25a0-\u27bf\u2900-\u297f\u2b00-\u2bff\u3030\u303d\ue000-\uf8ff"
    "\U0001f000-\U0001faff]+"
)

# --- addresses --------------------------------------------------------------------------------------------------------

_URL = re.compile(
    r"(?<![A-Za-z0-9])(?:https?://|www\.)[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]{1,2048}"
    r"|(?<![A-Za-z0-9@.\-])[A-Za-z0-9\-]{1,63}(?:\.[A-Za-z0-9\-]{1,63}){0,3}\.(?:com|cn|net|org|in|co)/[A-Za-z0-9\-._~/?#&=%]{0,2048}",
    re.I,
)
_EMAIL = re.compile(
    r"(?<![A-Za-z0-9.+\-])[A-Za-z0-9][A-Za-z0-9_.+\-]{0,63}@[A-Za-z0-9\-]{1,63}(?:\.[A-Za-z0-9\-]{1,63}){1,4}"
)

# --- ratings and review counts ----------------------------------------------------------------------------------------

# `5 Star` alone stays: it is an energy label, a brand, a grade of hotel linen.
_RATING = re.compile(
    r"(?:\b(?:rated|(?:customer\s)?rating\s?:|score\s?:|评分\s?:?|评价\s?:)\s{0,3})?"
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
    r"|[★☆⭐]{2,10}",
    re.I,
)
_REVIEWS = re.compile(
    r"(?<![\w.,])\d[\d,.]{0,9}[km]?\+?\s{0,2}(?:(?:customer|verified|global|happy|positive|5[\s\-]star"
    r"|five[\s\-]star)\s){0,2}"
    r"(?:reviews?|ratings?|customers)\b"
    r"|(?<![\w.,])\d[\d,.]{0,9}[km]?\+?\s{0,2}(?:units?\s|pcs\s|pieces\s)?(?:sold\b(?!\s(?:separately|as|out|by))"
    r"|bought\sin\spast\smonth)"
    r"|\b(?:5|five)[\s\-]star\sreviews?\b",
    re.I,
)
_ZH_REVIEWS = re.compile(
    r"(?:好评率?|满意度)\s?:?\s?(?:高达|超过?)?\s?\d{1,3}(?:\.\d{1,2})?%|\d{1,3}(?:\.\d{1,2})?%\s?(?:好评率?|的?回头客)"
    r"|(?:月销|月售|已售|销量|热销|已拼|累计(?:评价|销量|售出|热销)|评价数?|评论数?|付款人数)\s?:?\s?(?:超过?|突破"
    r"|达)?\s?"
    r"\d{1,9}(?:\.\d)?\s?[万千百wWkK]?\+?\s?余?(?:件|条|人|单|份|笔|盒|瓶|包)?"
    r"|\d{1,9}(?:\.\d)?\s?[万千百wWkK]?\+?\s?余?(?:条|个|人|位)?(?:用户)?(?:评价|评论|好评|晒单|人付款|人收货"
    r"|人已购买|人购买|人种草|人推荐)"
)

# --- prices -----------------------------------------------------------------------------------------------------------

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
_PRICE = re.compile(
    rf"(?:{_ZH_PRICE_WORDS}|{_PRICE_WORDS}){_AMOUNT}{_TAIL}"
    rf"(?:\s?[-~至到]\s?(?:{_SIGN}\s?)?{_NUM}\s?{_YUAN}?{_TAIL})?"
    r"(?:\s?(?:only\b|off\b(?!-?\s?white)|discount\b|cashback\b|\(?(?:incl(?:usive|\.)?|including)\sof\sall\staxes\)?))?",
    re.I,
)
# A bare number is a price only right after a word that means nothing else, and not with a unit behind it.
_UNIT = (
    r"(?!\d|[.,]\d|\s?[%°\"'×*/]|[A-Za-z]|\s(?:k?g|gms?|m?l|[cm]?m|pcs|inch|[gmt]b|[avw]|mah|oz|lbs?|packs?|pieces?)\b"
    r"|\s?[寸码克斤升毫米厘公支片件只双条包袋盒瓶枚粒张颗抽卷层个套度代款色年岁月天日倍合])"
)
_BARE_PRICE = re.compile(
    r"(?:(?:到手|券后|原|现|特|售|活动|促销|秒杀|拼团|团购|会员|市场|吊牌|专柜|批发|折后|优惠|预售|直播间?|抢购|日常"
    r"|参考|内购|新人|首单)价"
    rf")\s?:?\s?(?:仅需?|只要|约)?\s?(?<!\d)(?:{_NUM}{_UNIT})?"
    rf"|(?<!拿)(?:券后|到手)\s?:?\s?(?:仅需?|只要|约)?\s?{_NUM}{_UNIT}"
    rf"|(?:\bM\.?R\.?P\.?|\b(?:(?:list|sale|offer|deal|our|regular|retail)\s)?price)\s?[:=]\s?{_NUM}{_UNIT}",
    re.I,
)

# --- promotions -------------------------------------------------------------------------------------------------------

_SAVED = (
    r"(?!\s?(?:of\s|in\s|on\s)?(?:more\s|less\s)?(?:energy|water|electricity|power|time|space|fuel|batter|paper|gas"
    r"|oil))"
)
_PROMO = re.compile(
    r"\bbuy\s(?:any\s)?(?:\d{1,2}|one|two|three|four)\s?[+&,]?\s?(?:and\s)?get\s(?:\d{1,2}|one|two|three|another|a)\b"
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
    r"|\savailable\b)?"
    r"|\b(?:use|apply|with)\s(?:coupon|promo|voucher)?\s?code\s?:?\s?[A-Z0-9]{3,15}\b"
    r"|\b(?:discount\s)?coupons?\s(?:available|inside|applied)\b"
    r"|\bnew\sarrivals?\b",
    re.I,
)
# The first characters of all alternatives below: it spares most positions of a text from trying each of them.
_ZH_PROMO_START = (
    r"(?=[买拍第下领直新首会限今现立最券减每全满享折两低店一二三四五六七八九\d顺江部包免赠送含有退运年中周开品学夏冬春秋节粉"
    r"超特钜巨清亏跳断换季尾大促爆热疯抢秒聚百拼团双优无假官专正旗支十天售终质当次小急极闪工发收加关点进晒带好五全网销量类冠"
    r"厂产源批手错赶数库欲先到])"
)
_ZH_COUNT = r"[一二两三四五六七八九十\d]{1,2}"
_ZH_PROMO = re.compile(
    rf"{_ZH_PROMO_START}(?:买{_ZH_COUNT}\s?[件盒瓶包袋个双支条套罐]?\s?(?:再?送|赠|发|免"
    rf"|得)\s?{_ZH_COUNT}(?!\w?合一)\s?[件盒瓶包袋个双支条套罐]?(?![\dA-Za-z])"
    rf"|买[就即](?=送)|拍{_ZH_COUNT}\s?[件份]?\s?(?:发|得|送){_ZH_COUNT}\s?[件份]?|拍下立减|拍下即(?=送)"
    r"|第[二2两三3]\s?[件份盒瓶双]\s?(?:仅?需?\s?半价|\d(?:\.\d)?折|0元|零元|免费|立减\d{0,4}元?|\d{1,4}(?:\.\d)?元)"
    r"|(?:下单|领券|拍下|直播间?|新人|首单|会员|限时|今日|现在)?\s?(?:立减|直降|立省|直减|最高减|券减"
    r"|减免)\s?¥?\d{1,5}(?:\.\d)?\s?元?"
    r"|[每全]?满\s?¥?\d{1,5}\s?[元件]?\s?(?:立?减|再减|赠|送|打|享|返|包邮|免邮)\s?¥?(?:\d{1,5}(?:\.\d)?)?\s?[元折]?"
    r"|(?:全场|全店|限时|低至|享|折后|第二件|两件|2件)?\s?(?<![\d.])[1-9](?:\.\d|\d)?\s?折(?:起|优惠|特惠|特价|促销"
    r"|清仓|抢购|封顶|包邮)?(?!\s?[叠伞扇页屏床梯椅桌雨晴自遮太钱窗门手全式布镜包数痕])"
    r"|(?:全场|全店|低至|享)?[一二三四五六七八九]{1,2}折(?:起|优惠|特惠|特价|促销|清仓|抢购|封顶)"
    r"|(?:全国|全场|顺丰|(?:满\d{1,4}元?件?|[\d一两二三]{1,2}件)|江浙沪|限时|部分地区)?(?:包邮|免邮费?|免运费)(?:费"
    r"|到家|哦)?|(?:赠送?|送|含|有)?(?:退货)?运费险"
    r"|(?:限时|限量|今日|店铺|年终|年中|周年庆?|开业|新品|开学|夏季|冬季|春季|秋季|节日|会员|粉丝)"
    r"(?:特惠|抢购|优惠|折扣|秒杀|特价|促销|大促|活动|发售|疯抢|清仓|抢|福利|钜惠|巨惠|直降|购)(?:价|中|日|季)?"
    r"|超值特惠|特惠装|特惠价?|钜惠|巨惠|特价(?:清仓|处理|包邮|促销)?|清仓(?:特价|处理|大?甩卖|价)?|(?:亏本|跳楼"
    r"|断码|换季|季末|尾货)(?:大?甩卖|清仓|价|处理)|大甩卖|大促销?|促销(?:装|价|中)?"
    r"|爆款(?:热卖|直降|推荐|返场)?|热卖(?:中|款|爆款)?|热销(?:爆款|款|中|榜)?|疯抢|抢购(?:中|价)?"
    r"|秒杀(?=[!款\s\]】,。]|$)|聚划算|百亿补贴|拼团(?!\w?[装])|团购价?"
    r"|(?:618|双十?[一二]|双1[12])\s?(?:大促|狂欢节?|特惠|年终|预售|抢先购|返场|价|活动|专享)"
    r"|(?:领取?|送|有|大额|无门槛|店铺)?优惠[券卷]|领[券卷](?:立减|下单|购买|再减|后)?|大额[券卷]|折上折|满减"
    r"|打折(?:优惠|促销)?|立减|直降"
    r"|假一[赔罚]\w|(?:官方|专柜)?正品(?:保证|保障|包邮|授权|承诺)|官方正品|官方旗舰店|旗舰店(?:正品|官方)?|品牌直营"
    r"|(?:支持)?(?:七|7|15|30|十五|三十)天\s?(?:无理由(?:包?退换?货?)?|包?退换?货?|包退|包换|试用|价保|保价)"
    r"|支持退换货?|无理由退(?:换货?|货)"
    r"|包退包?换|包换|(?:退换|售后)无忧|终身(?:售后|保修|质保)|质量问题包\w{1,2}"
    r"|现货(?:速发|秒发|供应|包邮|直发|发售|当天发)?|(?:当天|次日|24小时|48小时|急速|极速|闪电|顺丰|拍下|工厂)(?:内"
    r"|即|就)?(?:发货|速发|直发|送达)|发货快"
    r"|下单(?:立享|有礼|[即就立]?(?=送))|(?:收藏|加购|关注)\s?[+和]?\s?(?:收藏|加购|店铺|本店)(?:有礼|优先发货"
    r"|送\w{1,4})?|点击(?:进店|购买|链接|领取)|进店(?:选购|有礼|领券)"
    r"|(?:五星|5星|全5分|晒图|带图)?好评(?:返现|有礼|如潮|送\w{1,3}|返\d{1,3}元?)|五星好评|(?:全网|销量|热销"
    r"|类目)(?:第一|冠军|领先|最低价?|TOP\d{1,2})|最低价"
    r"|(?:厂家|工厂|产地|源头)(?:直销|直发|批发|直供)|一件代发|批发价?|新品上市|新款上市|火热?热?(?:销售|抢购)中?"
    r"|(?:手慢|错过)[无没]|赶[紧快](?:抢|下单|购买|入手)|(?:数量|库存)有限|售完即止|欲购从速|先到先得|送完即止)"
)

# --- tidying ----------------------------------------------------------------------------------------------------------

_EMPTY_BRACKETS = re.compile(r"[(\[{【「『《〈][\s\-–—|,;:.!+&/、。*@~]{0,20}[)\]}】」』》〉]")
_BRACKET_START = re.compile(
    r"(?<=[(\[{【「『《])(?:\s{0,3}[|,;:!&/、。*@~][\s\-–—|,;:!+&/、。*@~]{0,10}"
    r"|\s{0,3}[-–—+]\s[\s|,;:!+&/、。*@~]{0,10}|\s{1,3})"
)
_BRACKET_END = re.compile(r"\s{0,3}[-–—|,;:!+&/、。*@~\s]{1,10}(?=[)\]}】」』》])")
_SAME_MARK = re.compile(r"([^\w\s.])\1{2,}")
_SEPARATORS = re.compile(r"(?:\s?([|,;、。!~•·/])\s?)(?:[|,;、。!~•·/]\s?){1,20}")
_LOOSE_DASHES = re.compile(r"\s([-–—|])(?:\s[-–—|+&]){1,5}(?=\s)")
_LOOSE_MARK = re.compile(r"\s([,;、。!])")
_ENDS = " \t|,;:~*•·、_^`!=@"
_DASH_END = re.compile(r"\s[-–—/+&|,;:!~@\s]{1,20}$")
_DASH_START = re.compile(r"^[-–—/+&|,;:!~。.\s]{1,20}(?=\s)")


def clean_text(raw: str) -> str:
    """Cleans one product text.

    Args:
        raw: Title, description and attributes as they came, or any part of them; one product.

    Returns:
        One line without leading or trailing space. Empty when nothing is left. Cleaning a cleaned text changes nothing.
    """
    text = " ".join(raw.split())
    for _ in range(_MAX_PASSES):
        plain = _to_plain_characters(text).strip(_ENDS)
        lower = f" {plain.lower()} "
        stripped = _remove_commerce(plain, lower)
        text = plain if stripped == plain else _tidy(stripped)
        # Only a removal, or a full-width ＜ or ＆ that has become markup, can leave something to remove.
        if stripped == plain and "<" not in text and "&" not in text:
            break
    return text


def _to_plain_characters(text: str) -> str:
    """Resolves HTML and brings every character to its plain form: NFKC, no pictures, no control characters."""
    if "&" in text:
        text = _ENTITY.sub(_unescape, text)
    if "<" in text:
        text = _TAG.sub(" ", _remove_hidden(text))
    if not text.isascii():
        text = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text.translate(_MARKS)))
    if not text.isprintable():
        text = _CONTROL.sub(" ", text)
    return " ".join(text.split())


def _remove_hidden(text: str) -> str:
    """Removes comments, scripts and style sheets; by plain search, as an expression would take quadratic time."""
    for start, end in _HIDDEN:
        lower = text.lower() if start in text.lower() else ""
        if len(lower) != len(text):
            continue
        parts, position = [], 0
        while (opened := lower.find(start, position)) >= 0 and (closed := lower.find(end, opened)) >= 0:
            parts.append(text[position:opened])
            position = closed + (len(end) if end == "-->" else 0)
        text = " ".join([*parts, text[position:]])
    return text


def _remove_commerce(text: str, lower: str) -> str:
    """Removes addresses, ratings, prices, promotions and pictures; `lower` tells which of them can occur at all."""
    if "http" in lower or "www." in lower or ("/" in lower and _any(lower, _DOMAIN_HINTS)):
        text = _URL.sub(" ", text)
    if "@" in lower:
        text = _EMAIL.sub(" ", text)
    if _any(lower, _RATING_HINTS):
        text = _RATING.sub(" ", text)
    if _any(lower, _REVIEW_HINTS):
        text = _REVIEWS.sub(" ", text)
    if lower.isascii():
        if _any(lower, _PRICE_HINTS):
            text = _BARE_PRICE.sub(" ", _PRICE.sub(" ", text))
    else:
        if _any(lower, _ZH_REVIEW_HINTS):
            text = _ZH_REVIEWS.sub(" ", text)
        if _any(lower, _ZH_PROMO_HINTS):
            text = _ZH_PROMO.sub(" ", text)
        if _any(lower, _ZH_PRICE_HINTS) or _any(lower, _PRICE_HINTS):
            text = _BARE_PRICE.sub(" ", _PRICE.sub(" ", text))
        text = _PICTURE.sub(" ", text)
    if _any(lower, _PROMO_HINTS):
        text = _PROMO.sub(" ", text)
    return text


# What a text must contain, in lower case, for the expression of the same name to match anywhere in it.
_DOMAIN_HINTS = (".com/", ".cn/", ".net/", ".org/", ".in/", ".co/")
_RATING_HINTS = ("star", "rated", "rating", "out of", "/5", "/ 5", "score", "★", "☆", "⭐", "评")
_REVIEW_HINTS = ("review", "rating", "sold", "customers", "bought in")
_ZH_REVIEW_HINTS = (
    "好评", "满意度", "回头客", "月销", "月售", "已售", "销量", "热销", "已拼", "累计", "评价", "评论", "付款",
    "晒单", "收货", "购买", "种草", "推荐",
)  # fmt: skip
_PRICE_HINTS = (
    "$", "rs.", " rs ", "(rs ", ":rs", *(f"rs{digit}" for digit in range(1, 10)), "rmb", "inr", "usd", "gbp", "hkd",
    "cny", " eur", " aud ", " cad ", "jpy", "/-", "price", "mrp", "m.r.p", "rupee", "yuan", "dollar",
)  # fmt: skip
_ZH_PRICE_HINTS = ("元", "块钱", "圆", "人民币", "价", "券后", "到手", "¥", "€", "£", "₹", "₩", "₽")
_PROMO_HINTS = (
    *(f"free {letter}" for letter in "sdrgefwhn"), "buy", "% ", "%o", "%d", "%c", "sale", "offer", "deal", "discount",
    "deliver", "shipping", "dispatch", "cash", "save ", "limited", "sell", "top rated", "hurry", "now", "order ",
    "to cart", "click", "left", "stock", "price", " emi", "guarantee", "easy return", "day return", "days return",
    "refund", "replacement", "exchange", "code", "coupon", "new arrival", "bogo", "b1g", "b2g", "b3g", "b4g", "ships",
    "cod ", "miss", "last chance",
)  # fmt: skip
_ZH_PROMO_HINTS = (
    "包邮", "邮", "运费", "惠", "促", "清仓", "甩卖", "爆款", "热卖", "销", "抢", "秒杀", "聚划算", "补贴", "拼团",
    "团购", "狂欢", "618", "双1", "双十", "券", "卷", "折", "减", "降", "假一", "正品", "旗舰店", "直营", "天",
    "无理由", "包退", "包换", "无忧", "终身", "质量问题", "现货", "发", "下单", "收藏", "加购", "关注", "点击",
    "进店", "好评", "第一", "第二", "第三", "第2", "第3", "冠军", "领先", "最低价", "直供", "批", "上市", "手慢",
    "错过", "赶", "有限", "售完", "欲购", "先到", "送", "买", "拍", "满", "立省", "送达",
)  # fmt: skip


def _any(text: str, hints: tuple[str, ...]) -> bool:
    for hint in hints:  # noqa: SIM110  # half the time of any(), and this runs on every title
        if hint in text:
            return True
    return False


def _unescape(match: re.Match[str]) -> str:
    return html.unescape(match.group())


def _tidy(text: str) -> str:
    """Removes what the removals left behind: empty brackets, doubled separators, loose ends, spaces."""
    text = " ".join(text.split())
    text = _SAME_MARK.sub(r"\1", text)
    text = _EMPTY_BRACKETS.sub(" ", text)
    text = _BRACKET_START.sub("", text)
    text = _BRACKET_END.sub("", text)
    text = _SEPARATORS.sub(r" \1 ", text)
    text = _LOOSE_DASHES.sub(r" \1", text)
    text = _LOOSE_MARK.sub(r"\1", text)
    text = _DASH_END.sub("", _DASH_START.sub("", text.strip(_ENDS)))
    return " ".join(text.split()).strip(_ENDS)
