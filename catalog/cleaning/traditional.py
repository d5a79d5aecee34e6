"""Traditional Chinese characters to simplified ones: those that prices, ratings and promotions are written with.

A character becomes one character, so that what is found in the simplified text lies at the same place in the original.
"""

from __future__ import annotations

import re

_PAIRS = """
    買买 贈赠 發发 滿满 減减 價价 優优 運运 費费 郵邮 險险 現现 貨货 時时 熱热 銷销 賣卖 搶抢 購购 殺杀 補补 貼贴 團团
    歡欢 雙双 節节 領领 劃划 億亿 慶庆 開开 業业 學学 鉅钜 倉仓 虧亏 樓楼 斷断 碼码 換换 賠赔 罰罚 專专 櫃柜 證证 諾诺
    權权 艦舰 館馆 營营 無无 試试 終终 質质 題题 問问 當当 極极 閃闪 電电 達达 單单 關关 點点 鏈链 擊击 選选 進进 評评
    圖图 帶带 條条 網网 類类 廠厂 產产 處处 錯错 趕赶 緊紧 數数 庫库 從从 餘余 萬万 個个 隻只 圓圆 塊块 錢钱 幣币 僅仅
    參参 內内 會会 員员 預预 後后 場场 頭头 薦荐 曬晒 約约 論论 筆笔 週周 計计 裝装 應应 瘋疯 額额 順顺 豐丰 間间 動动
    禮礼 種种 鋪铺 兩两 為为 憂忧 沒没 滬沪 區区 歲岁 顆颗 層层 傘伞 頁页 疊叠 鏡镜 門门 張张 氣气 戶户 頂顶 寶宝 絲丝
    盤盘 灣湾 鑑鉴 鑒鉴 賞赏 議议 蝦虾 親亲 聖圣 誕诞 對对 還还 與与 過过 訂订 國国 廣广 標标 籤签 紙纸 報报
    損损 壞坏 實实 體体 獨独 輪轮 鴕鸵 衛卫 龍龙 視视 線线 臺台
"""
_TABLE = {ord(pair[0]): pair[1] for pair in _PAIRS.split()}
_ANY = re.compile(f"[{''.join(map(chr, _TABLE))}]")


def to_simplified(text: str) -> str:
    """The text with those characters replaced, of the same length; the very object where it holds none."""
    return text.translate(_TABLE) if not text.isascii() and _ANY.search(text) else text
