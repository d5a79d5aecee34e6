"""/openapi.json: what the door takes and gives, made of the code's own models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.schema import Batch

_SUMMARIES = {
    "/tag": "Category and tags of one product.",
    "/tag/batch": "Category and tags of several products: an answer or an error for each, in their order.",
    "/labels": "All categories and tags, with their display names by language.",
    "/health/live": "Whether the gateway runs.",
    "/health/ready": "Whether texts are answered: a probe text says.",
    "/openapi.json": "This description.",
}
_EXAMPLES: dict[str, dict[str, Any]] = {
    "/tag": {"text": "Women's cotton summer dress, size M"},
    "/tag/batch": {
        "products": [{"title": "Leather ankle boots", "attributes": {"colour": "brown"}}, {"text": "手机支架"}]
    },
}
_ERRORS = {
    "400": "No JSON.",
    "401": "No key that the server knows.",
    "403": "Not a caller of this machine, or a web page of another site.",
    "413": "Too large.",
    "415": "No JSON by its Content-Type.",
    "422": "JSON of another form, or a text that can't be tagged.",
    "429": "More requests than the key may send; Retry-After says when to ask again.",
    "503": "Not now; Retry-After says when to ask again.",
}
_NUMBER = {"type": "number", "minimum": 0, "maximum": 1}
_TAGGED = {
    "type": "object",
    "properties": {
        "category": {"type": ["string", "null"], "description": "Id; null where the server abstains."},
        "score": _NUMBER,
        "display_name": {"type": ["string", "null"]},
        "tags": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"name": {"type": "string"}, "score": _NUMBER, "display_name": {"type": "string"}},
            },
        },
        "truncated": {"type": "boolean", "description": "Whether the text's end was not read."},
    },
}
_PROBLEM = {
    "type": "object",
    "properties": {"title": {"type": "string"}, "status": {"type": "integer"}, "detail": {"type": "string"}},
}
_ANSWERED: dict[str, dict[str, Any]] = {
    "/tag": {"$ref": "#/components/schemas/Tagged"},
    "/tag/batch": {
        "type": "object",
        "properties": {
            "answers": {
                "type": "array",
                "items": {
                    "anyOf": [
                        {"$ref": "#/components/schemas/Tagged"},
                        {"type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"]},
                    ]
                },
            }
        },
    },
}


def describe(methods: Mapping[str, str]) -> dict[str, Any]:
    """The description of paths, each with its method."""
    batch = Batch.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas = {**batch.pop("$defs"), "Batch": batch, "Tagged": _TAGGED, "Problem": _PROBLEM}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Product tagger", "version": "1"},
        "paths": {path: {methods[path].lower(): _operation(path)} for path in _SUMMARIES if path in methods},
        "components": {"schemas": schemas, "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
        "security": [{}, {"key": []}],
    }


def _operation(path: str) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": _ANSWERED[path]} if path in _ANSWERED else {}
    responses: dict[str, Any] = {"200": {"description": "The answer.", "content": {"application/json": content}}}
    operation: dict[str, Any] = {"summary": _SUMMARIES[path], "responses": responses}
    if path in _EXAMPLES:
        schema = {"$ref": f"#/components/schemas/{'Batch' if path == '/tag/batch' else 'Product'}"}
        body = {"schema": schema, "example": _EXAMPLES[path]}
        operation["requestBody"] = {"required": True, "content": {"application/json": body}}
        problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
        responses |= {status: {"description": told, "content": problem} for status, told in _ERRORS.items()}
    return operation
