"""Exports of shops' systems: recognised by their header, variants joined to their product, no row lost."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from product_tagger_files import Continuation, FileError, Notes, Product, ReadOptions, Reject, read_products

EXPORTS = Path(__file__).parent / "exports"
SHOPIFY = (EXPORTS / "shopify.csv").read_text(encoding="utf-8")


def read(path: Path, **options: Any) -> tuple[list[Product], list[Reject], int, Notes]:
    """Products, rejects, continuations and notes; checks that no line is left out."""
    notes = Notes()
    items = list(read_products(path, ReadOptions(**options), notes=notes))
    assert sum(row.lines for row, _ in items) == len(path.read_text(encoding="utf-8").splitlines())
    assert [row.line for row, _ in items] == sorted(row.line for row, _ in items)
    return (
        [item for _, item in items if isinstance(item, Product)],
        [item for _, item in items if isinstance(item, Reject)],
        sum(item.rows for _, item in items if isinstance(item, Continuation)),
        notes,
    )


def write(tmp_path: Path, text: str, name: str = "shop.csv") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_shopify_rows_of_a_handle_are_one_product_with_all_its_options() -> None:
    products, rejects, continuations, notes = read(EXPORTS / "shopify.csv")
    assert products == [
        Product(
            "wrap-dress", group="wrap-dress", title="Wrap dress", description="<p>Soft <b>linen</b></p>",
            attributes={"vendor": "Nordlicht", "Color": "red, navy", "Size": "S, M", "Colour": "Red, Blue"},
            category="Apparel > Dresses", tags=("dress", "linen"),
        ),
        Product("soap", group="soap", title="Mint soap", attributes={"vendor": "Saponella"}, category="Soap"),
    ]  # fmt: skip
    assert [(reject.line, reject.reason) for reject in rejects] == [(7, "no text")]
    assert continuations == 3
    assert "shopify.csv is read as an export of shopify" in notes.sentences()[0]
    assert "category: Product Category, else Type" in notes.sentences()[0]


def test_shopifys_header_of_2024_is_read_and_a_handle_that_comes_again_is_the_same_product() -> None:
    products, rejects, continuations, _ = read(EXPORTS / "shopify-2024.csv")
    assert [(product.id, product.category, product.attributes.get("Size")) for product in products] == [
        ("wrap-dress", "Apparel > Dresses", "S, M"),
        ("soap", "Health > Soap", None),
    ]
    assert (rejects, continuations) == ([], 2)


def test_woocommerce_variations_continue_their_product() -> None:
    products, rejects, continuations, _ = read(EXPORTS / "woocommerce.csv")
    assert products == [
        Product(
            "44", title="V-Neck Tee", description="Soft tee.\n<p>Cotton</p>\n<p>Washable</p>",
            attributes={"Color": "Blue, Red"}, category="Clothing > Tshirts", tags=("basic", "summer, light"),
        ),
        Product("47", title="Album", category="Music > CDs, Vinyl"),
    ]  # fmt: skip
    assert [(reject.line, reject.reason, reject.id) for reject in rejects] == [
        (6, "no category", "48"),
        (7, "no category", "49"),
    ]
    assert continuations == 2


def test_a_google_merchant_feed_gives_groups_and_the_shops_own_tree(tmp_path: Path) -> None:
    products, rejects, continuations, _ = read(EXPORTS / "google-merchant.tsv")
    assert [(p.id, p.group, p.category) for p in products] == [
        ("A-1", "polo", "Home > Men > Polos"),
        ("A-2", "polo", "Home > Men > Polos"),
        ("B-1", None, "Home & Garden > Lighting"),
    ]
    assert products[0].attributes == {"brand": "Fjord", "color": "blue", "size": "M"}
    assert (rejects, continuations) == ([], 0)
    text = (EXPORTS / "google-merchant.tsv").read_text(encoding="utf-8")
    header = text.splitlines()[0]
    other = header.replace(" ", "_").replace("image", "g:image")
    assert read(write(tmp_path, text.replace(header, other), "feed.tsv"))[0] == products


def test_magentos_hidden_variants_and_store_views_continue_their_product() -> None:
    products, rejects, continuations, _ = read(EXPORTS / "magento.csv")
    assert products == [
        Product(
            "MH01", title="Chaz Hoodie", description="Hoodie\n<p>Warm</p>",
            attributes={"climate": "Cool, Indoor", "note": "soft, warm", "color": "Black, Gray", "size": "S, M"},
            category="Men > Tops",
        ),
        Product("24-B", title="Duffle", category="Gear > Bags, Cases > Duffle/Gym"),
    ]  # fmt: skip
    assert (rejects, continuations) == ([], 3)


@pytest.mark.parametrize("name", ["shopify.csv", "shopify-2024.csv", "woocommerce.csv", "magento.csv"])
def test_what_is_tagged_is_what_was_trained_on(name: str) -> None:
    path = EXPORTS / name
    asked = {p.id: p.raw_text for _, p in read_products(path, text_only=True) if isinstance(p, Product)}
    trained = {product.id: product.raw_text for product in read(path)[0]}
    assert trained.items() <= asked.items()


def test_a_mapping_goes_before_the_shops_own_columns(tmp_path: Path) -> None:
    products, *_, notes = read(write(tmp_path, SHOPIFY), columns={"category": "Type", "id": "Variant SKU"})
    assert [(product.id, product.group, product.category) for product in products] == [
        ("1", "wrap-dress", "Dresses"),
        ("4", "soap", "Soap"),
    ]
    assert "category: Type;" in notes.sentences()[0]
    with pytest.raises(FileError, match=r"no column 'Shelf', which catalog.columns maps to 'category'"):
        read(write(tmp_path, SHOPIFY), columns={"category": "Shelf"})


def test_a_shops_own_columns_are_not_taken_for_an_export(tmp_path: Path) -> None:
    header = "id,title,category,link,availability,product_type,brand,handle,name,type,sku"
    path = write(tmp_path, f"{header}\n1,Oak,home,x,y,simple,b,h,n,t,s\n")
    assert read(path)[0] == [Product("1", title="Oak", category="home")]
    plain = write(tmp_path, SHOPIFY.replace("Title,Body", "title,Body").replace("Product Category", "category"))
    products, rejects, continuations, _ = read(plain, format="plain")
    assert [product.title for product in products] == ["Wrap dress"]
    assert (len(rejects), continuations) == (5, 0)


@pytest.mark.parametrize(
    ("text", "format", "message"),
    [
        ("name,shelf\nOak,home\n", "shopify", "no shopify export: it has no column with a title; its columns are name"),
        ("Handle,Title,Option1 Name\na,b,c\n", "auto", "no column with a category"),
        ("title,category\na,b\n", "etsy", "'etsy' is no format: it is one of auto, plain, shopify"),
    ],
)  # fmt: skip
def test_a_file_that_is_not_the_export_it_is_said_to_be_is_one_clear_error(
    tmp_path: Path, text: str, format: str, message: str
) -> None:
    with pytest.raises(FileError, match=message):
        read(write(tmp_path, text), format=format)


def test_rows_that_name_their_own_columns_are_no_export(tmp_path: Path) -> None:
    path = write(tmp_path, '{"title": "Oak", "category": "home"}\n', "shop.jsonl")
    assert len(read(path)[0]) == 1
    with pytest.raises(FileError, match="no header, so it is no magento export"):
        read(path, format="magento")


def test_a_hostile_export_stays_small_and_loses_no_row(tmp_path: Path) -> None:
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(["Handle", "Title", "Type", "Option1 Name", "Option1 Value"])
    writer.writerow(["a", "Oak", "home", "Size", "0"])
    writer.writerows(["a", "", "", "", str(number)] for number in range(1, 3000))
    products, rejects, continuations, _ = read(write(tmp_path, stream.getvalue()))
    assert (len(products), rejects, continuations) == (1, [], 2999)
    assert len(products[0].raw_text) < 300


@pytest.mark.parametrize(
    ("header", "advice"),
    [
        ("product_name,shelf,sku", "{title: product_name, category: shelf, id: sku}"),
        ("商品名称,类目,描述", "{title: 商品名称, description: 描述, category: 类目}"),
        ("words,place", "{title: words}"),
    ],
)
def test_columns_of_other_names_are_suggested_and_never_guessed(tmp_path: Path, header: str, advice: str) -> None:
    with pytest.raises(FileError) as caught:
        read(write(tmp_path, header + "\n" + ",".join("abc"[: header.count(",") + 1]) + "\n"))
    assert advice in str(caught.value)


def test_a_file_without_a_category_is_one_clear_error_for_training_and_none_for_tagging(tmp_path: Path) -> None:
    path = write(tmp_path, "id,title,Department\n1,Oak,home\n")
    with pytest.raises(FileError, match=r"no column 'category'.*\{category: Department\}"):
        read(path)
    assert [item.title for _, item in read_products(path, text_only=True) if isinstance(item, Product)] == ["Oak"]


def test_an_encoding_that_was_detected_is_told_also_where_the_columns_are_of_other_names(tmp_path: Path) -> None:
    path = tmp_path / "shop.csv"
    rows = "".join(f"{number},不锈钢保温杯 五百毫升 户外便携,厨房用品\n" for number in range(20))
    path.write_bytes(f"编号,商品名称,类目\n{rows}".encode("gb18030"))
    with pytest.raises(
        FileError, match=r"its columns, read as gb\w+, are 编号.*\{title: 商品名称, category: 类目, id: 编号\}"
    ):
        list(read_products(path))
    notes = Notes()
    options = ReadOptions({"title": "商品名称", "category": "类目"})
    assert sum(isinstance(item, Product) for _, item in read_products(path, options, notes=notes)) == 20
    assert notes.sentences()[0].startswith("shop.csv is read in the encoding gb")


def test_the_error_of_a_file_with_very_many_columns_stays_short(tmp_path: Path) -> None:
    with pytest.raises(FileError) as caught:
        read(write(tmp_path, ",".join(f"c{number}" * 50 for number in range(5000)) + "\n"))
    assert len(str(caught.value)) < 6000
