"""Reading the configuration: what wins over what, and a sentence with its place for each mistake."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from settings import Settings, SettingsError, load_settings


def write(directory: Path, text: str) -> Path:
    """A configuration file."""
    path = directory / "shop.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_without_a_file_the_defaults_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_settings() == Settings()


def test_the_file_of_the_folder_is_read_unless_another_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tagger.yaml").write_text("training: {epochs: 7}")
    assert load_settings().training.epochs == 7
    assert load_settings(write(tmp_path, "training: {batch_size: 8}")).training.epochs == Settings().training.epochs


def test_what_is_set_on_the_command_line_wins_over_the_file_and_the_last_one_wins(tmp_path: Path) -> None:
    path = write(tmp_path, "training: {epochs: 7, batch_size: 8}\ncatalog: {path: shop.csv}")
    settings = load_settings(path, ["training.epochs=2", "training.epochs=3", "build_dir=/elsewhere"])
    assert (settings.training.epochs, settings.training.batch_size, settings.catalog.path) == (3, 8, "shop.csv")
    assert settings.build_dir == Path("/elsewhere")


@pytest.mark.parametrize(
    ("override", "found"),
    [
        ("catalog.columns={title: product_name}", {"columns": {"title": "product_name"}}),
        ("catalog.columns.title=product_name", {"columns": {"title": "product_name"}}),
        ("catalog.path=a=b.csv", {"path": "a=b.csv"}),
        ("catalog.path=商品.csv", {"path": "商品.csv"}),
        ("catalog.limit=null", {"limit": None}),
    ],
)
def test_values_are_written_as_in_yaml(override: str, found: dict[str, object]) -> None:
    assert load_settings(None, [override]).catalog.model_dump(include=set(found)) == found


def test_numbers_may_be_written_with_an_exponent() -> None:
    assert load_settings(None, ["training.learning_rate=2e-5"]).training.learning_rate == 2e-5


@pytest.mark.parametrize("text", ["", "# nothing\n", "catalog:\n  # path: shop.csv\n", "serving: {}\n"])
def test_an_empty_file_or_section_is_one_with_the_defaults(tmp_path: Path, text: str) -> None:
    assert load_settings(write(tmp_path, text)) == Settings()


@pytest.mark.parametrize(
    ("text", "key", "meant"),
    [
        ("training: {epoch: 3}", "training.epoch", "training.epochs"),
        ("trainning: {epochs: 3}", "trainning", "training"),
        ("serving: {port: 3}", "serving.port", "serving.http_port"),
        ("catalog: {taxonomie: t.yaml}", "catalog.taxonomie", "catalog.taxonomy"),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest_known_one(tmp_path: Path, text: str, key: str, meant: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(SettingsError) as raised:
        load_settings(path)
    assert str(raised.value) == f"{path}: unknown key `{key}`. Did you mean `{meant}`?"


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("training.epochs=0", "`training.epochs` is 0: input should be greater than or equal to 1."),
        ("training.pooling=max", "`training.pooling` is 'max': input should be 'auto', 'mean' or 'cls'."),
        ("catalog.test_share=2", "`catalog.test_share` is 2: input should be less than or equal to 1."),
        ("serving.instances=0", "`serving.instances` is 0: input should be greater than or equal to 1 or 'auto'."),
        (
            "export.tensorrt.length_buckets=[16, 0]",
            "`export.tensorrt.length_buckets.1` is 0: input should be greater than or equal to 8.",
        ),
        ("catalog.path=", "`catalog.path` is None: input should be a valid string."),
        ("catalog=5", "`catalog` is a section with keys such as path, columns, format, not a value."),
        ("catalog.columns={titel: x}", "'titel' is not a product field; the fields are id, group, lang, title, "),
        ("catalog.columns.titel=x", "'titel' is not a product field; the fields are id, group, lang, title, "),
        ("trainning.epochs=3", "unknown key `trainning`. Did you mean `training`?"),
        ("training.epoch=3", "unknown key `training.epoch`. Did you mean `training.epochs`?"),
        ("training.epochs.most=3", "`training.epochs` is {'most': 3}: input should be a valid integer."),
        ("epochs", "write it as section.key=value, for instance training.epochs=3."),
        ("=3", "write it as section.key=value, for instance training.epochs=3."),
    ],
)
def test_a_wrong_value_on_the_command_line_is_one_sentence(
    override: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match=re.escape(sentence)) as raised:
        load_settings(None, [override])
    assert str(raised.value).startswith(f"--set {override}: ") and "\n" not in str(raised.value)


def test_every_mistake_of_a_file_is_told_at_once(tmp_path: Path) -> None:
    path = write(tmp_path, "training: {epochs: none, epoch: 1}\nexport: [1]\nserving: {threads: maybe}")
    with pytest.raises(SettingsError) as raised:
        load_settings(path)
    lines = str(raised.value).splitlines()
    assert len(lines) == 4 and all(line.startswith(f"{path}: ") for line in lines)


def test_a_key_below_a_value_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="`build_dir` is a value, not a section"):
        load_settings(write(tmp_path, "build_dir: build"), ["build_dir.deeper=1"])


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"- a\n- b\n", "the top level must be sections such as `catalog:`, not list"),
        (b"catalog: {path: [}\n", "not valid YAML: .* line 1"),
        (b"catalog: {path: \xff}\n", "not valid YAML"),
    ],
    ids=["list", "syntax", "bytes"],
)
def test_a_file_that_is_no_configuration_is_refused(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = write(tmp_path, "")
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=f"^{re.escape(str(path))}: {sentence}"):
        load_settings(path)


def test_a_file_that_is_named_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"can't be read .* Name an existing file with --config"):
        load_settings(tmp_path / "none.yaml")


@pytest.mark.parametrize("key", ["catalog.seed", "training.seed"])
@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_that_the_sources_of_chance_do_not_take_is_refused(key: str, seed: int) -> None:
    with pytest.raises(SettingsError, match=rf"`{key}` is {seed}: input should be"):
        load_settings(None, [f"{key}={seed}"])
