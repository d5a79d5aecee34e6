"""Made-up catalogues in which each product stands in 4 to 9 colours and some sizes.

Their words were not copied from the lists in catalog/grouping/words.py, but the rules were tuned on these catalogues:
they tell whether something got worse, not how a shop nobody has seen will fare. Some colours stand in no list
(`Moonbeam`).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ENGLISH_COLOURS = (
    "Crimson", "Teal", "Mustard", "Navy", "Charcoal", "Ivory", "Burgundy", "Olive", "Lavender", "Coral", "Rose Gold",
    "Sky Blue", "Off White", "Dark Green", "Mint", "Fuchsia", "Taupe", "Khaki", "Rust", "Cobalt Blue", "Silver",
    "Moonbeam", "Saltwater", "Tobacco", "Dragonfly", "Oatmeal", "Desert Sage",
)  # fmt: skip
CHINESE_COLOURS = (
    "樱花粉", "雾霾蓝", "燕麦色", "奶油白", "焦糖色", "墨绿", "酒红色", "藏青", "卡其", "浅灰", "黑色", "天空蓝",
    "柠檬黄", "香芋紫", "咖啡色", "玫瑰金", "银色", "深棕色", "米白", "牛油果绿", "远山灰", "松石绿", "落日橙",
    "曜石黑", "月光", "可可", "星河",
)  # fmt: skip
ENGLISH_SIZES = (
    ("S", "M", "L", "XL", "XXL"),
    ("Size 38", "Size 40", "Size 42", "Size 44"),
    ("250 ml", "500 ml", "1 L", "2 L"),
    ("Pack of 1", "Pack of 2", "Pack of 3", "Pack of 6"),
    ("Small", "Medium", "Large", "Extra Large"),
    ("30x40 cm", "50x70 cm", "60x90 cm", "80x120 cm"),
    ("XR-204", "XR-210", "XR-310B", "XR-4"),
)
CHINESE_SIZES = (
    ("S", "M", "L", "XL", "2XL"),
    ("均码", "大号", "中号", "小号"),
    ("160cm", "170cm", "175cm", "180cm"),
    ("3只装", "6只装", "10只装", "20只装"),
    ("500毫升", "750毫升", "1升", "1.5升"),
    ("6听", "12听", "24听", "2提"),
    ("两条装", "三条装", "五条装", "单条"),
    ("M-18A", "M-20A", "M-22", "M-30PRO"),
)
ENGLISH_FORMS = (
    "{p}, {c}, {s}", "{p} - {c} / {s}", "{p} ({c}, {s})", "{c} {p} {s}", "{p} {s} {c}", "{p} {c}, {s}", "{s} {p} {c}",
)  # fmt: skip
CHINESE_FORMS = ("{p} {c} {s}", "{c}{p}{s}", "{p}{c}{s}", "【{c}】{p} {s}", "{p}（{c}，{s}）", "{p} {s} {c}")

Kinds = tuple[Sequence[str], ...]
"""The words of each place in a product's name: one of each is taken."""

ENGLISH_SHORT: Kinds = (
    ("Cotton", "Linen", "Silk", "Wool", "Denim", "Leather", "Fleece", "Bamboo"),
    ("Shirt", "Socks", "Scarf", "Cap", "Belt", "Apron", "Gloves", "Pouch", "Robe", "Cushion"),
)
ENGLISH_MEDIUM: Kinds = (
    ("Cotton", "Linen", "Silk", "Wool", "Denim", "Leather"),
    ("T-Shirt", "Jacket", "Trousers", "Backpack", "Slippers", "Pyjamas", "Hoodie", "Wallet"),
    ("for Men", "for Women", "for Boys", "for Girls", "for Travel"),
)
ENGLISH_LONG: Kinds = (
    ("Harbour", "Kestrel", "Bryant", "Old Mill"),
    ("Slim Fit", "Relaxed Fit", "Water Resistant", "Hand Stitched"),
    ("Oxford Cotton", "Washed Linen", "Merino Wool", "Vegan Leather"),
    ("Shirt", "Jacket", "Messenger Bag", "Gloves"),
    ("with Chest Pocket", "with Hidden Zip", "with Contrast Lining"),
)
CHINESE_SHORT: Kinds = (
    ("纯棉", "亚麻", "真丝", "羊毛", "牛皮", "竹纤维"),
    ("衬衫", "袜子", "围巾", "抱枕", "腰带", "手套", "浴袍", "钱包"),
    ("男", "女", "儿童"),
)
CHINESE_LONG: Kinds = (
    ("法式", "韩版", "复古", "轻奢"),
    ("碎花", "纯色", "格子", "刺绣"),
    ("雪纺", "纯棉", "针织", "牛仔"),
    ("连衣裙", "半身裙", "衬衫", "外套"),
    ("女夏季新款收腰显瘦气质", "女春秋宽松百搭", "学生少女甜美减龄显高"),
)
CHINESE_GOODS: Kinds = (
    ("不锈钢", "陶瓷", "玻璃", "硅胶", "实木"),
    ("保温杯", "饭盒", "水壶", "收纳盒", "砧板", "咖啡杯"),
    ("家用", "便携", "办公室", "儿童", "户外大容量"),
)


@dataclass(frozen=True)
class Variants:
    """A catalogue in which each product stands many times.

    Attributes:
        titles: [N].
        products: [N] the product's number that each title belongs to.
    """

    titles: list[str]
    products: NDArray[np.int64]


def variants_of(
    kinds: Kinds,
    colours: Sequence[str],
    sizes: Sequence[Sequence[str]],
    forms: Sequence[str],
    seed: int,
    *,
    one_form: bool = False,
    separator: str = " ",
) -> Variants:
    """Lists every product of `kinds` in 4 to 9 colours, and each colour in 4 sizes; a form is drawn for each title."""
    draw = np.random.default_rng(seed)
    titles: list[str] = []
    products: list[int] = []
    for number, words in enumerate(itertools.product(*kinds)):
        name = separator.join(words)
        own_colours = draw.choice(len(colours), size=draw.integers(4, 10), replace=False)
        own_sizes = sizes[draw.integers(len(sizes))][:4]
        form = forms[draw.integers(len(forms))]
        for colour, size in itertools.product(own_colours.tolist(), own_sizes):
            if not one_form:
                form = forms[draw.integers(len(forms))]
            titles.append(form.format(p=name, c=colours[colour], s=size))
            products.append(number)
    return Variants(titles, np.array(products, dtype=np.int64))


def catalogues(seed: int) -> Iterator[tuple[str, Variants]]:
    """Yields the catalogues by name."""
    english = (ENGLISH_COLOURS, ENGLISH_SIZES, ENGLISH_FORMS)
    chinese = (CHINESE_COLOURS, CHINESE_SIZES, CHINESE_FORMS)
    yield "English, short", variants_of(ENGLISH_SHORT, *english, seed)
    yield "English, medium", variants_of(ENGLISH_MEDIUM, *english, seed)
    yield "English, medium, one form a product", variants_of(ENGLISH_MEDIUM, *english, seed, one_form=True)
    yield "English, long", variants_of(ENGLISH_LONG, *english, seed)
    yield "Chinese, short", variants_of(CHINESE_SHORT, *chinese, seed, separator="")
    yield "Chinese, goods", variants_of(CHINESE_GOODS, *chinese, seed, separator="")
    yield "Chinese, goods, words apart", variants_of(CHINESE_GOODS, *chinese, seed)
    yield "Chinese, long", variants_of(CHINESE_LONG, *chinese, seed, separator="")
