"""Triton's configurations in a release: the sources, comments and all, with outputs and labels' names filled in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from catalog.heads import HEADS
from catalog.taxonomy import Taxonomy
from export.errors import ExportError
from product_tagger_files.paths import PATH_SEPARATOR

CONFIG = "config.pbtxt"
CLASSIFIER = "classifier"
NAMED_MODEL, DISPLAY_NAMES = "product_tagger", "display_names"
_FREE = r'(name:\s*"{name}"[^{{}}]*?dims:\s*\[\s*)-1(\s*\])'
"""A tensor up to its free dimension, within the braces of one tensor."""


def fill_outputs(repository: Path, widths: Mapping[str, int]) -> None:
    """Write the widths of the graph's outputs in place of -1 wherever they are a model's input or output.

    The classifier gives all of them; those that its source does not name are added to its configuration.

    Args:
        repository: A Triton model repository.
        widths: Output → its width.

    Raises:
        ExportError: A configuration is not one, or an output has no dimension to fill there.
    """
    for path in sorted(repository.glob(f"*/{CONFIG}")):
        source = text = path.read_text(encoding="utf-8")
        config = _parse(path, source)
        for name, width in widths.items():
            if any(True for _ in _tensors(config, name)):
                text = re.sub(_FREE.format(name=re.escape(name)), rf"\g<1>{width}\g<2>", text)
            elif config.name == CLASSIFIER:
                addition = model_config_pb2.ModelConfig()
                addition.output.add(name=name, data_type=model_config_pb2.TYPE_FP32, dims=[width])
                text += "\n" + text_format.MessageToString(addition)
        if text != source:
            path.write_text(text, encoding="utf-8")
    check_outputs(repository, widths)


def fill_display_names(repository: Path, taxonomy: Taxonomy) -> None:
    """Write what categories and tags are called into product_tagger's configuration, where clients read it.

    The parameter `display_names` holds JSON: {language: {`category/apparel`: name, `tag/dress`: name}}.

    Args:
        repository: A Triton model repository.
        taxonomy: Its labels' display names are taken; a label without a name in a language is left out. A category
            below another is called by its path.
    """
    names: dict[str, dict[str, str]] = {}
    for head in HEADS:
        for label in taxonomy.data[head.labels]:
            for language, name in label["names"].items():
                # Of a category in a tree the whole path: "Tools" alone may be of the kitchen or of the garden.
                shown = PATH_SEPARATOR.join(taxonomy.path(label["id"], language)) if label.get("parent") else name
                names.setdefault(language, {})[f"{head.name}/{label['id']}"] = shown
    addition = model_config_pb2.ModelConfig()
    addition.parameters[DISPLAY_NAMES].string_value = json.dumps(names, ensure_ascii=False)
    path = repository / NAMED_MODEL / CONFIG
    with path.open("a", encoding="utf-8") as config:
        config.write("\n" + text_format.MessageToString(addition, as_utf8=True))


def check_outputs(repository: Path, widths: Mapping[str, int]) -> None:
    """Read every configuration with Triton's own schema and check what it says of the graph's outputs.

    Args:
        repository: A Triton model repository.
        widths: Output → its width.

    Raises:
        ExportError: A configuration is not one, names another folder, or has another width.
    """
    for path in sorted(repository.glob(f"*/{CONFIG}")):
        config = _parse(path, path.read_text(encoding="utf-8"))
        if config.name != path.parent.name:
            raise ExportError(f"{path} is the configuration of {config.name!r}; the folder must have its name.")
        for name, width in widths.items():
            for tensor in _tensors(config, name):
                if list(tensor.dims) != [width]:
                    raise ExportError(
                        f"{path}: {name} has dims {list(tensor.dims)}, the graph gives [{width}]. Its source in "
                        f'model_repository/ must say `name: "{name}" … dims: [ -1 ]`.'
                    )


def _tensors(
    config: model_config_pb2.ModelConfig, name: str
) -> Iterator[model_config_pb2.ModelInput | model_config_pb2.ModelOutput]:
    return (tensor for tensor in [*config.input, *config.output] if tensor.name == name)


def _parse(path: Path, text: str) -> model_config_pb2.ModelConfig:
    try:
        return text_format.Parse(text, model_config_pb2.ModelConfig())
    except text_format.ParseError as error:
        raise ExportError(f"{path} is no Triton model configuration: {error}.") from None
