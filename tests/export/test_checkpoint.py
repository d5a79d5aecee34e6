"""Reading a checkpoint: what is told of a damaged or an older one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from export.checkpoint import FILES, read_checkpoint
from export.errors import ExportError
from tests.export.conftest import MAX_LENGTH, POSITIONS, TAXONOMY, Place

Damage = Callable[[Path], object]


def edit(name: str, **changes: object) -> Damage:
    """Change keys of a JSON file; None removes one."""

    def damage(checkpoint: Path) -> None:
        path = checkpoint / name
        data = {**json.loads(path.read_text()), **changes}
        path.write_text(json.dumps({key: value for key, value in data.items() if value is not None}))

    return damage


def cut_off(name: str) -> Damage:
    """Keep the first half of a file."""
    return lambda path: (path / name).write_bytes((path / name).read_bytes()[: (path / name).stat().st_size // 2])


def drop_weight(checkpoint: Path) -> None:
    weights = load_file(checkpoint / "model.safetensors")
    del weights["classifier.weight"]
    save_file(weights, checkpoint / "model.safetensors", metadata={"format": "pt"})


def test_a_checkpoint_tells_its_labels_length_and_padding(template: Path) -> None:
    checkpoint = read_checkpoint(template / "checkpoint")
    assert checkpoint.labels[:3] == tuple(f"category/{name}" for name in TAXONOMY.category_ids)
    assert (checkpoint.max_length, checkpoint.pad_token_id) == (MAX_LENGTH, 0)
    assert len(checkpoint.tokenizer().encode("dress " * 100).ids) == MAX_LENGTH


def test_a_text_is_cut_at_the_model_s_positions_where_the_tokenizer_has_no_limit(place: Place) -> None:
    edit("tokenizer_config.json", model_max_length=10**30)(place.checkpoint)
    assert read_checkpoint(place.checkpoint).max_length == POSITIONS


@pytest.mark.parametrize(
    ("name", "release", "graph"),
    [
        ("config.json", True, True),
        ("modeling_product_tagging.py", True, True),
        ("thresholds.json", True, False),
        ("taxonomy.json", True, False),
        ("tokenizer_config.json", True, False),
        ("metrics.json", False, False),
        ("README.md", False, False),
        ("made-from.json", False, False),
    ],
)
def test_the_digests_change_with_what_decides_on_the_release_and_on_the_graph(
    place: Place, name: str, release: bool, graph: bool
) -> None:
    before = read_checkpoint(place.checkpoint)
    with (place.checkpoint / name).open("a") as stream:
        stream.write("\n")
    after = read_checkpoint(place.checkpoint)
    assert (after.digest != before.digest, after.model_digest != before.model_digest) == (release, graph)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(place: Place, name: str) -> None:
    (place.checkpoint / name).unlink()
    with pytest.raises(ExportError, match=rf"checkpoint/{name} is missing.* Run `make train` again"):
        read_checkpoint(place.checkpoint)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (cut_off("config.json"), r"config\.json can't be read"),
        (cut_off("tokenizer.json"), r"tokenizer\.json can't be read"),
        (cut_off("taxonomy.json"), r"taxonomy\.json is not a usable taxonomy"),
        (edit("config.json", id2label={"0": "category/apparel"}), r"config\.json names 1 outputs"),
        (edit("config.json", vocab_size=100), r"token ids up to 30521, but .* knows 100 tokens"),
        (edit("config.json", vocab_size=None), r"config\.json has no vocab_size"),
        (edit("tokenizer_config.json", pad_token="<nothing>"), r"names no padding token"),
        (edit("thresholds.json", tags={"gift": 0.5}), r"no threshold for the tag 'summer'"),
        (edit("thresholds.json", tags=[0.5]), r"thresholds\.json must hold"),
    ],
)
def test_a_damaged_file_is_named_with_what_to_do(place: Place, damage: Damage, message: str) -> None:
    damage(place.checkpoint)
    with pytest.raises(ExportError, match=rf"{message}.*Run `make train` again"):
        read_checkpoint(place.checkpoint)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (cut_off("model.safetensors"), r"model\.safetensors can't be loaded"),
        (drop_weight, r"1 weights are missing, left over or of another shape \(classifier\.weight first\)"),
        (edit("config.json", intermediate_size=96), r"model\.safetensors (can't be loaded|doesn't fit)"),
        (edit("config.json", auto_map=None), r"config\.json names no model code beside it"),
        (lambda path: (path / "modeling_product_tagging.py").unlink(), r"names no model code beside it"),
        (lambda path: (path / "modeling_product_tagging.py").write_text("import nothing\n"), r"can't be imported"),
    ],
)
def test_weights_and_code_that_don_t_fit_are_named_with_what_to_do(place: Place, damage: Damage, message: str) -> None:
    damage(place.checkpoint)
    with pytest.raises(ExportError, match=rf"{message}.*Run `make train` again"):
        read_checkpoint(place.checkpoint).load_model()
