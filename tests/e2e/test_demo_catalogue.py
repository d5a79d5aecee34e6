"""From the built-in catalogue to answers, over every way in: the project's client, tritonclient, curl."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import Iterator

import numpy as np
import pytest
import tritonclient.grpc as triton_grpc
import tritonclient.http as triton_http

from catalog.prepared import read_split
from catalog.taxonomy import Taxonomy
from product_tagger_client import AsyncProductTagger, ProductTagger, TaggedProduct
from product_tagger_client.command import main as tag
from serving.health import curl_command
from tests.e2e.conftest import Pipeline

pytestmark = pytest.mark.timeout(900)  # the first test waits for the whole pipeline

TEXTS = {
    "Women's floral summer dress, 100% cotton, size M, free shipping": "apparel",
    "Dark chocolate gift box, 24 pieces, 500 g": "food",
    "Wireless bluetooth headphones with 40 h battery": "electronics",
    "Wooden dining table for six, solid oak": "home",
}


@pytest.fixture(scope="module", params=["grpc", "http"])
def tagger(served: Pipeline, request: pytest.FixtureRequest) -> Iterator[ProductTagger]:
    """The project's client, over each protocol."""
    with ProductTagger(f"{request.param}://{getattr(served, request.param)}") as made:
        yield made


def test_products_get_their_category_with_a_probability(tagger: ProductTagger) -> None:
    results = tagger.tag_many(list(TEXTS))
    assert [result.category for result in results] == list(TEXTS.values())
    assert all(0.0 < result.category_score <= 1.0 for result in results)


def test_the_tags_are_those_whose_probability_reaches_the_threshold(served: Pipeline, tagger: ProductTagger) -> None:
    texts = [product.text for product in read_split(served.build / "catalog", "test")[:100]]
    folder = served.build / "checkpoint"
    thresholds = json.loads((folder / "thresholds.json").read_text(encoding="utf-8"))["tags"]
    taxonomy = Taxonomy.from_json(folder / "taxonomy.json")
    allowed = {tag.id: tag.categories or taxonomy.category_ids for tag in taxonomy.tags}
    labels, scores = tagger.labels(), tagger.scores(texts)
    for row, result in zip(scores, tagger.tag_many(texts), strict=True):
        probable = {
            name.removeprefix("tag/"): float(score)
            for name, score in zip(labels, row, strict=True)
            if name.startswith("tag/") and score >= thresholds[name.removeprefix("tag/")]
        }
        expected = {name: score for name, score in probable.items() if result.category in allowed[name]}
        assert {one.name: one.score for one in result.tags} == pytest.approx(expected, abs=1e-5)
        assert [one.score for one in result.tags] == sorted((one.score for one in result.tags), reverse=True)
    assert any(result.tags for result in tagger.tag_many(texts))


def test_many_texts_are_answered_as_each_alone(tagger: ProductTagger) -> None:
    texts = [*TEXTS, *TEXTS, "手机支架 车载 磁吸 出风口", "夏季新款纯棉连衣裙 女 包邮"]
    together, alone = tagger.tag_many(texts), [tagger.tag(text) for text in texts]
    assert [result.category for result in together] == [result.category for result in alone]
    # INT8 activations are scaled row by row: a neighbour changes nothing but the last digits.
    assert [r.category_score for r in together] == pytest.approx([r.category_score for r in alone], abs=0.02)


def test_a_text_beyond_the_models_length_is_cut_and_said_so(tagger: ProductTagger) -> None:
    assert not tagger.tag("cotton dress").truncated
    assert tagger.tag("cotton dress " * 200).truncated


def test_the_asynchronous_client_answers_the_same(served: Pipeline) -> None:
    async def ask(url: str) -> list[TaggedProduct]:
        async with AsyncProductTagger(url) as tagger:
            return list(await asyncio.gather(*(tagger.tag(text) for text in TEXTS)))

    for url in (f"grpc://{served.grpc}", f"http://{served.http}"):
        assert [result.category for result in asyncio.run(ask(url))] == list(TEXTS.values())


def test_plain_tritonclient_reads_the_answer_over_grpc(served: Pipeline) -> None:
    text = np.array([[next(iter(TEXTS)).encode()]], dtype=object)
    with triton_grpc.InferenceServerClient(served.grpc) as client:
        given = triton_grpc.InferInput("TEXT", [1, 1], "BYTES")
        given.set_data_from_numpy(text)
        answer = client.infer("product_tagger", [given])
    assert answer.as_numpy("CATEGORY").tolist() == [[b"apparel"]]
    assert answer.as_numpy("TAGS").shape == answer.as_numpy("TAG_SCORES").shape


def test_plain_tritonclient_reads_all_probabilities_over_http(served: Pipeline) -> None:
    labels = served.manifest()["labels"]
    texts = np.array([[text.encode()] for text in TEXTS], dtype=object)
    with triton_http.InferenceServerClient(served.http) as client:
        given = triton_http.InferInput("TEXT", [len(TEXTS), 1], "BYTES")
        given.set_data_from_numpy(texts)
        scores = client.infer("product_scores", [given]).as_numpy("SCORES")
    categories = scores[:, : labels["categories"]]
    assert scores.shape == (len(TEXTS), labels["categories"] + labels["tags"])
    assert categories.sum(axis=1) == pytest.approx(np.ones(len(TEXTS)), abs=1e-4)
    assert ((scores >= 0) & (scores <= 1)).all()


def test_the_curl_command_of_the_ready_line_works(served: Pipeline) -> None:
    curl = shutil.which("curl")
    assert curl is not None, "curl is not installed: `apt-get install curl`"
    command = curl_command("127.0.0.1", served.settings.serving.http_port)
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    outputs = {output["name"]: output["data"] for output in json.loads(done.stdout)["outputs"]}
    assert outputs["CATEGORY"] == ["apparel"]


def test_the_served_accuracy_is_the_measured_one(served: Pipeline) -> None:
    products = read_split(served.build / "catalog", "test")[:600]
    with ProductTagger(f"grpc://{served.grpc}") as tagger:
        results = tagger.tag_many([product.text for product in products])
    right = np.mean([result.category == product.category for result, product in zip(results, products, strict=True)])
    assert right == pytest.approx(served.metrics()["test"]["category_accuracy"], abs=0.04)


def test_a_file_is_tagged_with_the_command(served: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("bulk")
    source, target = folder / "products.jsonl", folder / "tagged.jsonl"
    source.write_text("".join(json.dumps({"id": str(i), "title": text}) + "\n" for i, text in enumerate(TEXTS)))
    assert tag(["--file", str(source), "--output", str(target), "--url", f"grpc://{served.grpc}"]) == 0
    rows = [json.loads(line) for line in target.read_text().splitlines()]
    assert [row["id"] for row in rows] == ["0", "1", "2", "3"]
    assert [row["category"] for row in rows] == list(TEXTS.values())


def test_every_stage_says_why_it_does_nothing_the_second_time(pipeline: Pipeline) -> None:
    for module, arguments in (("catalog", ["prepare"]), ("training", []), ("export", [])):
        done = pipeline.run(module, *arguments)
        assert "up to date" in done.stdout + done.stderr


def test_the_release_carries_what_it_was_made_of(pipeline: Pipeline) -> None:
    manifest = pipeline.manifest()
    metrics = pipeline.metrics()["test"]
    assert manifest["target"] == "cpu"
    assert manifest["metrics"]["category_accuracy"] == metrics["category_accuracy"]
    assert manifest["parity"]["passed"]


def test_the_metrics_are_told_by_language(pipeline: Pipeline) -> None:
    metrics = pipeline.metrics()
    assert set(metrics["test_by_language"]) == {"en", "zh"}
    for figures in metrics["test_by_language"].values():
        assert figures["category_accuracy"] > 0.8


def test_the_built_in_catalogue_trains_on_the_multilingual_base(pipeline: Pipeline) -> None:
    metrics = pipeline.metrics()
    assert metrics["training"]["base"] == "multilingual"
    assert metrics["training"]["base_reason"].startswith("auto chose it, because")
    assert max(metrics["data"]["unknown_token_share"].values()) < 0.001


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_chinese_products_get_chinese_names_and_the_same_ids(served: Pipeline, protocol: str) -> None:
    texts = [product.text for product in read_split(served.build / "catalog", "test") if product.lang == "zh"][:100]
    taxonomy = Taxonomy.from_json(served.build / "checkpoint" / "taxonomy.json")
    names = {label.id: label.names["zh"] for label in (*taxonomy.categories, *taxonomy.tags)}
    url = f"{protocol}://{getattr(served, protocol)}"
    with ProductTagger(url) as plain, ProductTagger(url, lang="zh") as chinese:
        assert chinese.languages() == ("en", "zh")
        for by_id, by_name in zip(plain.tag_many(texts), chinese.tag_many(texts), strict=True):
            assert (by_name.category, [tag.name for tag in by_name.tags]) == (
                by_id.category,
                [tag.name for tag in by_id.tags],
            )
            assert by_name.category_display_name == names[str(by_name.category)]
            assert [tag.display_name for tag in by_name.tags] == [names[tag.name] for tag in by_name.tags]


def test_the_server_tokenizes_chinese_as_training_did(served: Pipeline) -> None:
    products = [product for product in read_split(served.build / "catalog", "test") if product.lang == "zh"][:300]
    with ProductTagger(f"grpc://{served.grpc}") as tagger:
        results = tagger.tag_many([product.text for product in products])
    right = np.mean([result.category == product.category for result, product in zip(results, products, strict=True)])
    assert right == pytest.approx(served.metrics()["test_by_language"]["zh"]["category_accuracy"], abs=0.05)
