"""Words that tell variants of one product apart, not products: colours, sizes, units, packs.

Colours that no list has (`Moonbeam`, `远山灰`) are learnt from the catalogue itself: see catalog/grouping/colours.py.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


COLOURS = _words(
    """
    red blue green black white grey gray yellow purple pink brown beige navy maroon teal turquoise cyan magenta indigo
    violet crimson scarlet burgundy ivory charcoal khaki tan taupe fuchsia lavender lilac mauve aqua azure cobalt ecru
    emerald silver golden graphite gunmetal ebony ochre sepia sienna umber vermilion chartreuse cerulean periwinkle
    melange marl
    rust camel champagne offwhite lightblue darkblue multicolor multicolour multicolored multicoloured multi assorted
    transparent reddish bluish colorful colourful fluorescent neon rot blau grün schwarz weiß weiss grau gelb lila
    rosa braun türkis dunkelblau hellblau dunkelgrau hellgrau rouge bleu bleue vert verte noir noire blanc blanche
    gris grise jaune violette marron rojo roja azul verde negro negra blanco blanca amarillo amarilla morado morada
    rosado marrón naranja rosso rossa azzurro nero nera bianco bianca grigio grigia giallo gialla marrone arancione
    vermelho vermelha preto preta branco branca cinza amarelo amarela roxo roxa marrom laranja rood blauw groen zwart
    wit grijs geel paars roze bruin oranje czerwony niebieski zielony czarny biały szary żółty różowy fioletowy
    brązowy granatowy красный красная красное синий синяя синее зелёный зеленый зелёная чёрный черный чёрная белый
    белая белое серый серая серое жёлтый желтый розовый розовая фиолетовый коричневый голубой голубая бежевый бежевая
    kırmızı mavi yeşil siyah beyaz gri sarı pembe mor kahverengi lacivert turuncu merah biru hijau hitam putih kuning
    ungu coklat 빨강 빨간색 파랑 파란색 초록 초록색 검정 검정색 블랙 화이트 흰색 회색 그레이 노랑 노란색 핑크 네이비
    베이지 브라운 레드 블루 그린 लाल नीला हरा काला सफेद पीला गुलाबी भूरा
    """
)

SHY_COLOURS = _words(
    """
    orange olive coral mint rose gold cream sand sky peach plum cherry wine lemon lime coffee chocolate mocha caramel
    honey cinnamon nude platinum pearl ash smoke midnight forest moss sage rainbow royal aubergine eggplant raspberry
    strawberry avocado pistachio vanilla apricot salmon melon mango cocoa espresso latte oatmeal sunset sunrise slate
    mustard bronze copper ruby sapphire amethyst onyx amber jade blush terracotta lava tangerine
    """
)
"""Colours that are as often something else: they count as colours in a place of their own, first or last."""

SHADES = _words(
    """
    light dark deep bright pale dusty dusky hot royal sky baby navy off neon pastel electric midnight forest
    olive lime mint sea ocean army military ice steel space slate ash rose wine cherry blood brick burnt matte matt
    glossy metallic pearl cobalt charcoal jet snow cream powder bottle lemon mustard stone denim cool warm
    heather hunter kelly prussian cornflower canary petrol arctic glacier storm smoky antique cadet nardo ink
    """
)
"""Words that belong to the colour they stand before: dark green, rose gold."""

FOODS = _words(
    """
    tea teas coffee wine wines rice pepper peppercorn peppercorns sugar chocolate chocolates bean beans lentil lentils
    cabbage onion onions grape grapes apple apples olives oil bread flour gram grams chana dal pea peas corn cardamom
    salt cheese beer rum currant currants raisins sesame cumin chilli chili chillies chilies mustard vinegar juice
    sauce butter honey milk kidney basmati mung moong seed seeds leaf leaves powder extract syrup jam marmalade pickle
    squash tomato tomatoes potato potatoes egg eggs meat fish tuna salmon mushroom mushrooms berry berries curry pesto
    gin vermouth quinoa popcorn soda cake cakes biscuit biscuits cookie cookies candy candies
    """
)
"""Before these a colour is part of the name: green tea and black tea are two products."""

FOOD_VESSELS = _words(
    """
    mug mugs cup cups pot pots glass glasses frother maker cooker dispenser kettle tray grinder shaker rack jar jars
    table holder stand bottle bottles mill box boxes container containers bag cutter press machine
    """
)
"""After a food these name a thing that isn't eaten."""

SIZES = _words(
    """
    xs s m l xl xxl xxxl xxxxl xxs petite small medium large xlarge xsmall xxlarge smalls mediums larges size sizes
    sized
    colour color colours colors coloured colored shade pack packs pk pcs pc multipack größe groesse farbe taille
    couleur talla taglia colore tamanho cor maat kleur rozmiar kolor размер цвет beden renk 사이즈 색상 ukuran warna
    """
)

SHY_SIZES = _words("tall regular short long king queen double single twin full jumbo")
"""Sizes that are as often something else: they count as sizes in a place of their own."""

BEFORE_SIZE = _words("x xx one free king queen full twin single double regular plus standard extra super jumbo")
"""Part of the size where a size word follows: king size, extra large, twin pack."""

UNITS = _words(
    """
    ml cl dl l lt ltr litre litres liter liters g gm gms gr gram grams kg kgs mg mcg oz ounce ounces lb lbs pound
    pounds gallon gallons pint pints cm mm m mt mtr meter meters metre metres km inch inches in ft feet foot yd yard
    yards sq sqft pcs pc piece pieces pack packs pk count counts ct pair pairs set sets unit units nos no tablet
    tablets tab tabs capsule capsules cap caps sheet sheets roll rolls bag bags sachet sachets bottle bottles box
    boxes can cans jar jars tube tubes stick sticks pod pods pouch pouches packet packets strip strips serving
    servings w watt watts kw v volt volts a amp amps mah ah wh hz khz mhz ghz gb tb mb kb mp px dpi rpm bar psi k yr
    yrs year years month months week weeks day days hr hrs hour hours min mins minute minutes sec uk us eu x by deg
    degree degrees percent ply layer layers seat seater seaters person persons people port ports stück stk paar pièces
    pieza piezas pezzi peças stuks sztuk szt шт adet 개 개입 장 팩 세트 pro max plus mini lite ultra fe gen generation
    series edition
    """
)
"""Part of the number they follow."""

BEFORE_NUMBER = _words("pack set box case combo bundle packet lot model version size no art ref type eu uk us")
"""Part of the number they stand before, `of` between them or not: pack of 3, size 42."""

NUMBERS = _words("one two three four five six seven eight nine ten twelve dozen single double triple")

STOP_WORDS = _words("light soft for with and the of in a an to by from on at or is de la el et und der die das mit für")
"""Words that tell no products apart. `light` and `soft` are, as they can't be told from shades: `Night Light Red`."""

HAN_BASES = "红橙黄绿青蓝紫黑白灰棕褐"
"""Colours in one character."""
HAN_BARE_COLOURS = f"{HAN_BASES}粉金银杏咖橘驼紅黃綠藍銀"
"""Colours in one character that may stand right before the product's name: 粉纯棉T恤. As often they belong to it (金属,
白酒), so that what is left without one has to be a product of the catalogue in several colours."""
HAN_COLOURS = """
    藏青 藏蓝 宝蓝 海军蓝 天空蓝 天蓝 湖蓝 雾霾蓝 克莱因蓝 孔雀蓝 牛仔蓝 墨绿 军绿 豆绿 薄荷绿 抹茶绿 牛油果绿 果绿
    草绿 酒红 玫红 枣红 大红 砖红 西瓜红 桃红 橘红 粉红 梅红 米白 奶白 奶油白 本白 象牙白 纯白 漂白 乳白 月光白 粉紫
    香芋紫 葡萄紫 深灰 浅灰 炭灰 银灰 花灰 麻灰 太空灰 星空灰 烟灰 卡其 焦糖 姜黄 柠檬黄 鹅黄 土黄 明黄 樱花粉 裸粉
    藕粉 脏粉 玫瑰金 香槟金 土豪金 银色 金色 粉色 杏色 驼色 咖色 咖啡色 米色 卡其色 肉色 肤色 裸色 香槟色 奶茶色
    焦糖色 豆沙色 藕色 藕荷色 橘色 橙色 彩色 花色 混色 多色 原木色 胡桃色 胡桃木色 橡木色 柚木色 米杏 燕麦色 奶咖
    玫瑰色 酱紫 亮银 曜石黑 哑光黑 磨砂黑 珍珠白 陶瓷白 晴空蓝 远峰蓝 暗夜紫 银白 雪白 亮黑 透明 颜色随机 随机色
    多色可选 紅色 藍色 綠色 黃色 黑色 灰色 銀色 藏藍 軍綠 墨綠 酒紅 玫紅 粉紅 米黃
    靛蓝 靛青 黛蓝 黛绿 胭脂红 朱红 赭石 赭红 翡翠绿 祖母绿 橄榄绿 森林绿 孔雀绿 荧光绿 荧光黄 荧光粉 冰蓝 灰蓝 灰粉
    灰绿 钴蓝 普鲁士蓝 深海蓝 宝石蓝 皇家蓝 古铜色 巧克力色 枪灰 枪色 石墨灰 石墨黑 婴儿粉 婴儿蓝 车厘子红 番茄红
    锈红 铁锈红 脏橘 亮黄 绛红 绛紫 浅粉 淡粉 嫩粉 亮粉 深粉
"""
HAN_TINTS = """
    湖水 天空 晴空 海军 海水 深海 冰川 孔雀 雾霾 克莱因 太空 深空 星空 星际 暗夜 午夜 月光 极光 曜石 哑光 磨砂 珍珠
    象牙 陶瓷 水晶 翡翠 宝石 皇家 森林 橄榄 松石 卡其 牛仔 荧光 樱花 玫瑰 薰衣草 雪山 云雾 烟雨 高级 莫兰迪 复古 婴儿
    少女 香槟 金属
"""
"""What stands before a colour in one character: 湖水蓝, 太空银."""
HAN_FOOD_TINTS = """
    牛油果 薄荷 抹茶 咖啡 巧克力 焦糖 奶茶 奶油 柠檬 葡萄 香芋 蜜桃 西瓜 番茄 车厘子 燕麦 可可 豆沙 奶咖 樱桃 石榴 草莓
    蓝莓 芥末 牛奶
"""
"""The same, but for 粉, which is powder behind these."""
HAN_SHADES = "深浅淡亮暗墨军天湖宝藏酒玫枣砖米奶炭银鹅姜土桃雾纯大中正本乳烟金橘橙粉藕豆果草葱海水"
HAN_UNITS = """
    毫升 厘米 毫米 公分 英寸 公斤 千克 平方米 平米 小时 分钟 个月 周岁 件套 片装 包装 连包 加仑 立方 千瓦 毫安 毫安时
    赫兹 号色
"""
HAN_MEASURES = (
    "件片包支只双条个瓶盒袋罐卷枚张本套组台块把粒颗根对副听提桶筒板箱杯碗份串朵株盆束排层格孔码号寸斤克升米款人"
)
HAN_NUMERALS = "一二两三四五六七八九十百单双半"
HAN_SIZES = (
    "均码 加大码 超大码 大码 小码 中码 特大号 加大号 超大号 大号 中号 小号 加大 特大 超大 迷你 整箱 男码 女码 尺码 颜色"
    " 规格 款式 型号 尺寸 码数 净含量 套餐 版本 容量 規格 顏色 尺碼 型號"
)
