"""The number of scores, and the labels' names, in Triton's configurations."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from catalog.taxonomy import Label, Taxonomy
from export.errors import ExportError
from export.served import SOURCES
from export.triton_configs import check_outputs, fill_display_names, fill_outputs


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    shutil.copytree(SOURCES, tmp_path / "repository", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "repository"


def test_only_the_scores_dimension_is_written(repository: Path) -> None:
    fill_outputs(repository, {"SCORES": 59})
    changed = {
        path.parent.name: [
            (old, new)
            for old, new in zip(
                (SOURCES / path.relative_to(repository)).read_text().splitlines(),
                path.read_text().splitlines(),
                strict=True,
            )
            if old != new
        ]
        for path in repository.glob("*/config.pbtxt")
    }
    assert {model: len(lines) for model, lines in changed.items()} == {
        "classifier": 1,
        "labeler": 1,
        "product_scores": 1,
        "product_tagger": 0,
        "tokenizer": 0,
    }
    for lines in changed.values():
        assert all(old.replace("dims: [ -1 ]", "dims: [ 59 ]") == new for old, new in lines)


@pytest.mark.parametrize("engine", [None, "tensorrt"])
def test_the_classifier_gives_an_output_that_its_source_does_not_name(repository: Path, engine: str | None) -> None:
    path = repository / "classifier" / "config.pbtxt"
    if engine is not None:
        shutil.copyfile(SOURCES / "classifier" / "configs" / f"{engine}.pbtxt", path)
    fill_outputs(repository, {"SCORES": 59, "VECTOR": 8})
    config = text_format.Parse(path.read_text(encoding="utf-8"), model_config_pb2.ModelConfig())
    outputs = {tensor.name: list(tensor.dims) for tensor in config.output}
    assert (outputs["SCORES"], outputs["VECTOR"]) == ([59], [8])
    assert "VECTOR" not in (repository / "labeler" / "config.pbtxt").read_text(encoding="utf-8")


def test_a_source_with_another_width_is_refused(repository: Path) -> None:
    fill_outputs(repository, {"SCORES": 59})
    with pytest.raises(ExportError, match=r"SCORES has dims \[59\], the graph gives \[6\]"):
        fill_outputs(repository, {"SCORES": 6})


def test_a_source_that_is_no_configuration_is_named(repository: Path) -> None:
    (repository / "labeler" / "config.pbtxt").write_text("name: 3 what")
    with pytest.raises(ExportError, match=r"labeler/config\.pbtxt is no Triton model configuration"):
        fill_outputs(repository, {"SCORES": 6})


def test_a_configuration_must_have_its_folder_s_name(repository: Path) -> None:
    (repository / "tokenizer").rename(repository / "tokeniser")
    with pytest.raises(ExportError, match="is the configuration of 'tokenizer'"):
        fill_outputs(repository, {"SCORES": 6})


def test_the_labels_names_are_written_where_clients_read_them(repository: Path) -> None:
    categories = (Label("apparel", {"en": "Apparel", "zh": "服饰"}), Label("home"))
    taxonomy = Taxonomy(categories, (Label("5-inch", {"zh": '5" 屏\\幕\n'}),))
    fill_outputs(repository, {"SCORES": 3})
    fill_display_names(repository, taxonomy)
    check_outputs(repository, {"SCORES": 3})
    text = (repository / "product_tagger" / "config.pbtxt").read_text(encoding="utf-8")
    config = text_format.Parse(text, model_config_pb2.ModelConfig())
    assert json.loads(config.parameters["display_names"].string_value) == {
        "en": {"category/apparel": "Apparel"},
        "zh": {"category/apparel": "服饰", "tag/5-inch": '5" 屏\\幕\n'},
    }
    assert text.startswith((SOURCES / "product_tagger" / "config.pbtxt").read_text(encoding="utf-8"))


def test_a_category_below_another_is_called_by_its_path(repository: Path) -> None:
    tree = (
        Label("kitchen", {"en": "Kitchen", "zh": "厨房"}),
        Label("tools", {"en": "Tools", "zh": "工具"}, parent="kitchen"),
    )
    fill_display_names(repository, Taxonomy(tree[1:], (), tree[:1]))
    text = (repository / "product_tagger" / "config.pbtxt").read_text(encoding="utf-8")
    config = text_format.Parse(text, model_config_pb2.ModelConfig())
    assert json.loads(config.parameters["display_names"].string_value) == {
        "en": {"category/tools": "Kitchen > Tools"},
        "zh": {"category/tools": "厨房 > 工具"},
    }
