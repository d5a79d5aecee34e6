"""Which product field a column of another name may be: for advice, never for reading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from product_tagger_files.shops.columns import fold

_ALIASES: Mapping[str, tuple[str, ...]] = {
    "title": (
        "product name", "name", "product title", "item name", "productname", "item title", "product", "item",
        "post title", "display name", "title en", "商品名称", "产品名称", "商品标题", "标题", "品名", "名称", "商品名",
        "produktname", "bezeichnung", "artikelbezeichnung", "titel", "nom", "nom du produit", "nombre", "título",
        "nome", "produto", "наименование", "название", "商品名", "상품명",
    ),
    "description": (
        "product description", "details", "long description", "body", "body html", "text", "content",
        "short description", "商品描述", "描述", "详情", "beschreibung", "descripción", "descrição", "описание",
    ),
    "category": (
        "categories", "product category", "product type", "category name", "category path", "categoryname",
        "category id", "department", "shelf", "type", "class", "label", "类目", "分类", "商品分类", "类别", "品类",
        "一级类目", "kategorie", "catégorie", "categoría", "categoria", "категория", "カテゴリ", "카테고리",
    ),
    "id": (
        "sku", "product id", "item id", "productid", "article number", "asin", "handle", "商品编号", "编号",
        "货号", "商品id", "artikelnummer",
    ),
    "tags": ("keywords", "labels", "tag", "标签", "关键词", "schlagwörter", "étiquettes"),
}  # fmt: skip


def suggestion(header: Sequence[str], names: Mapping[str, str]) -> str:
    """Returns what to set so that a file's columns are found, for instance {title: Product name, category: Shelf}.

    Args:
        header: The file's columns.
        names: Product field → the column that was looked for.
    """
    pairs = ", ".join(f"{field}: {column}" for field, column in likely_columns(header, names).items())
    return f"name them (catalog.columns, or tag --columns), for instance {{{pairs}}}"


def likely_columns(header: Sequence[str], names: Mapping[str, str]) -> dict[str, str]:
    """Field → the column that it may be, of those fields whose column is missing; a title's may be any."""
    by_name = {fold(column): column for column in reversed(header)}
    found = {
        field: next((by_name[alias] for alias in aliases if alias in by_name), None)
        for field, aliases in _ALIASES.items()
        if field in names and names[field] not in header
    }
    if "title" in names and names["title"] not in header and found.get("title") is None:
        found["title"] = next((column[:60] for column in header if column), None)
    return {field: column for field, column in found.items() if column is not None}
