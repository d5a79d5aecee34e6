"""What is printed or played with a promotion, and so named by it: "Free shipping stickers", 特价海报, 清仓促销语音.

Both are lookaheads: a promotion right before such a word is the product's name and stays.
"""

from __future__ import annotations

GOODS = (
    r"(?!(?:[\s\-]+(?:address|adhesive|cardboard|decorative|fluorescent|free|gift|hanging|led|mailing|metal|neon|now|packaging"
    r"|paper|plastic|price|printed|reflective|retail|round|sale|shelf|shop|store|self[\s\-]adhesive|thank\syou|thermal|vinyl"
    r"|wall|warning|window|wooden)){0,2}"
    r"[\s\-]+(?:badges?|banners?|bunting|cards|decals?|envelopes?|flags?|flyers?|labels?|pennants?|pins|placards?"
    r"|postcards?|posters?|sign(?:s|age|boards?)?|sign\sboards?|stamps?|stickers?|tags|tickets)\b)"
)
ZH_GOODS = (
    r"(?!(?:大?甩卖|处理|特价|促销|大促|优惠|活动|清仓|返现|有礼|价格?|中){0,2}"
    r"(?:标签|标贴|贴纸|不干胶|爆炸贴|价签|海报|横幅|布条|条幅|吊旗|挂旗|旗帜|展架|展牌|广告|灯箱|灯牌|招牌|传单|宣传单|印章|语音|录音|叫卖"
    r"|喇叭|(?:价格|提示|标识|标志|指示|手举|告示)牌|[吊立台桌挂]?牌(?=[\s,/子]|$)|卡片|卡纸|卡(?=[\s,/]|$)|POP))"
)
