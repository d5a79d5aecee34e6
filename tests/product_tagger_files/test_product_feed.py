"""Product feeds in XML: items are rows, and nothing in a document makes the reader grow or read another file."""

from __future__ import annotations

from pathlib import Path

import pytest

from product_tagger_files import FileError, Product, Reject, read_products

FEED = Path(__file__).parent / "exports" / "google-merchant.xml"
ATOM = """<feed xmlns="http://www.w3.org/2005/Atom" xmlns:g="http://base.google.com/ns/1.0"><title>Shop</title>
<entry><g:id>1</g:id><title>灯</title><summary>Oak</summary><g:product_type>Home</g:product_type></entry></feed>"""


def read(path: Path) -> list[Product | Reject]:
    return [item for _, item in read_products(path) if isinstance(item, (Product, Reject))]


def test_the_items_of_a_feed_are_products() -> None:
    polo, lamp, other = read(FEED)
    assert polo == Product(
        "A-1", group="polo", title="Men's polo & collar", description="<p>Organic <b>cotton</b></p>",
        attributes={"brand": "Fjord", "color": "blue"}, category="Home > Men > Polos",
    )  # fmt: skip
    assert isinstance(lamp, Product) and lamp.category == "Home & Garden > Lighting"
    assert isinstance(other, Reject) and (other.line, other.reason) == (3, "no category")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_an_atom_feed_in_any_encoding_is_read(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "shop.xml"
    path.write_bytes(f'<?xml version="1.0" encoding="{encoding}"?>{ATOM}'.encode(encoding))
    assert read(path) == [Product("1", title="灯", description="Oak", category="Home")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (ATOM[:-40], r"not whole XML \(unclosed token: line 2"),
        (ATOM[:-7], r"not whole XML \(no element found: line 2"),
        (f"<feed a='{'x' * 1_200_000}'/>", "a tag of over 1 MiB"),
        ("<feed><title>Shop</title></feed>", "holds no product"),
        ("id,title\n1,Oak\n", "not whole XML"),
        ('<!DOCTYPE feed [<!ENTITY a "aaaa">]><feed><entry><id>&a;</id></entry></feed>', "declares a document type"),
        ("<a>" * 100, "nested more than 50 deep"),
    ],
)
def test_what_is_no_feed_is_one_clear_error(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "shop.xml").write_text(text, encoding="utf-8")
    with pytest.raises(FileError, match=message):
        read(tmp_path / "shop.xml")


def test_an_item_without_end_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "shop.xml"
    path.write_text(f"<rss><item><id>1</id><title>Oak</title><description>{'x' * 5_000_000}</description></item></rss>")
    ((row, product),) = [(row, item) for row, item in read_products(path, text_only=True) if isinstance(item, Product)]
    assert row.line == 1 and len(product.description) < 4_300_000
