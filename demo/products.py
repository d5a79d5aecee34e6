"""The products the demonstration asks about: in both languages, and some with a category easily missed."""

from __future__ import annotations

PRODUCTS: tuple[str, ...] = (
    "Women's floral summer dress, 100% cotton, size M, free shipping",
    "Chocolate brown leather ankle boots for men",
    "Dark chocolate gift box, 24 pieces, 500 g",
    "Wireless noise cancelling headphones with 40 h battery",
    "Car phone holder with magnetic mount for the dashboard",
    "Lipstick red three-seat sofa, velvet",
    "Hydrating face serum with hyaluronic acid, 30 ml",
    "LED headlight bulbs H7, 2 pieces, 6000K",
    "夏季新款纯棉连衣裙 女 包邮",
    "手机支架 车载 磁吸 出风口",
    "口红 哑光 丝绒 不掉色 3.5g",
    "每日坚果礼盒 750g 送礼",
)
