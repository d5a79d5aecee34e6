"""Triton's configurations in a release: the sources, comments and all, with the outputs' number and names filled in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from catalog.taxonomy import Taxonomy
from export.errors import ExportError

CONFIG = "config.pbtxt"
TENSOR = "SCORES"
NAMED_MODEL, DISPLAY_NAMES = "product_tagger", "display_names"
_FREE = re.compile(rf'(name:\s*"{TENSOR}"[^{{}}]*?dims:\s*\[\s*)-1(\s*\])')
"""`SCORES` up to its free dimension, within the braces of one tensor."""


def fill_width(repository: Path, width: int) -> None:
    """Write C + T in place of -1 wherever SCORES is a model's input or output.

    Args:
        repository: A Triton model repository.
        width: C + T.

    Raises:
        ExportError: A configuration is not one, or its SCORES has no dimension to fill.
    """
    for path in sorted(repository.glob(f"*/{CONFIG}")):
        source = path.read_text(encoding="utf-8")
        if any(True for _ in _scores(_parse(path, source))):
            path.write_text(_FREE.sub(rf"\g<1>{width}\g<2>", source), encoding="utf-8")
    check_width(repository, width)


def fill_display_names(repository: Path, taxonomy: Taxonomy) -> None:
    """Write what categories and tags are called into product_tagger's configuration, where clients read it.

    The parameter `display_names` holds JSON: {language: {`category/apparel`: name, `tag/dress`: name}}.

    Args:
        repository: A Triton model repository.
        taxonomy: Its labels' display names are taken; a label without a name in a language is left out.
    """
    names: dict[str, dict[str, str]] = {}
    for kind, labels in (("category", taxonomy.categories), ("tag", taxonomy.tags)):
        for label in labels:
            for language, name in label.names.items():
                names.setdefault(language, {})[f"{kind}/{label.id}"] = name
    addition = model_config_pb2.ModelConfig()
    addition.parameters[DISPLAY_NAMES].string_value = json.dumps(names, ensure_ascii=False)
    path = repository / NAMED_MODEL / CONFIG
    with path.open("a", encoding="utf-8") as config:
        config.write("\n" + text_format.MessageToString(addition, as_utf8=True))


def check_width(repository: Path, width: int) -> None:
    """Read every configuration with Triton's own schema and check what it says of SCORES.

    Raises:
        ExportError: A configuration is not one, names another folder, or has another width.
    """
    for path in sorted(repository.glob(f"*/{CONFIG}")):
        config = _parse(path, path.read_text(encoding="utf-8"))
        if config.name != path.parent.name:
            raise ExportError(f"{path} is the configuration of {config.name!r}; the folder must have its name.")
        for tensor in _scores(config):
            if list(tensor.dims) != [width]:
                raise ExportError(
                    f"{path}: {TENSOR} has dims {list(tensor.dims)}, the graph gives [{width}]. Its source in "
                    f'model_repository/ must say `name: "{TENSOR}" … dims: [ -1 ]`.'
                )


def _scores(
    config: model_config_pb2.ModelConfig,
) -> Iterator[model_config_pb2.ModelInput | model_config_pb2.ModelOutput]:
    return (tensor for tensor in [*config.input, *config.output] if tensor.name == TENSOR)


def _parse(path: Path, text: str) -> model_config_pb2.ModelConfig:
    try:
        return text_format.Parse(text, model_config_pb2.ModelConfig())
    except text_format.ParseError as error:
        raise ExportError(f"{path} is no Triton model configuration: {error}.") from None
