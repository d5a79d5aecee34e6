"""The four-bit file: a small one of known weights, and the real one."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from tokenizers import Tokenizer

from training.base.builtin import MULTILINGUAL_WEIGHTS
from training.base.errors import BaseModelError
from training.base.packages import fetch
from training.base.q4_file import Q4File, dequantized
from training.base.vocabulary import needed_pieces, pruned_tokenizer

HIDDEN, LAYERS, VOCABULARY = 32, 2, 6


def quantized(values: npt.NDArray[np.int64], scales: npt.NDArray[np.float16]) -> bytes:
    """Whole numbers 0 to 15, [blocks, 32], as four-bit blocks."""
    blocks = []
    for row, scale in zip(values, scales, strict=True):
        halves = (row[:16] | row[16:] << 4).astype(np.uint8)
        blocks.append(np.float16(scale).tobytes() + halves.tobytes())
    return b"".join(blocks)


def write_file(path: Path) -> dict[str, npt.NDArray[np.float32]]:
    """A file of two narrow layers; returns its tensors, flat, by the file's own names."""
    random = np.random.default_rng(4)
    sizes = {"emb.word": VOCABULARY * HIDDEN, "emb.pos": 8 * HIDDEN, "emb.type": 2 * HIDDEN}
    sizes |= dict.fromkeys(("emb.ln.w", "emb.ln.b"), HIDDEN)
    for layer in range(LAYERS):
        sizes |= {f"l{layer}.{name}.w": HIDDEN * HIDDEN for name in ("q", "k", "v", "ao")}
        sizes |= {f"l{layer}.{name}.w": HIDDEN * 64 for name in ("fi", "fo")}
        sizes |= {f"l{layer}.{name}.b": HIDDEN for name in ("q", "k", "v", "ao", "fo", "aln", "oln")}
        sizes |= {f"l{layer}.fi.b": 64, **{f"l{layer}.{name}.w": HIDDEN for name in ("aln", "oln")}}
    tensors: dict[str, npt.NDArray[np.float32]] = {}
    bodies: dict[str, tuple[int, bytes]] = {}
    for name, size in sizes.items():
        if name == "emb.word" or (name.endswith(".w") and size > HIDDEN):
            values = random.integers(0, 16, size=(size // 32, 32))
            scales = random.uniform(0.01, 0.1, size=size // 32).astype(np.float16)
            tensors[name] = ((values - 8) * scales[:, None].astype(np.float32)).astype(np.float32).ravel()
            bodies[name] = (1, quantized(values, scales))
        else:
            tensors[name] = random.normal(size=size).astype(np.float32)
            bodies[name] = (0, tensors[name].tobytes())
    pieces = "".join(f"p{number}" for number in range(VOCABULARY)).encode()
    head = b"E5S1" + struct.pack("<I7ifi", 1, HIDDEN, LAYERS, 4, 64, VOCABULARY, 8, 2, 1e-5, 32)
    head += struct.pack("<5iQ", VOCABULARY, 0, 2, 1, 3, len(pieces))
    head += struct.pack(f"<{VOCABULARY + 1}I", *range(0, 2 * VOCABULARY + 1, 2)) + bytes(4 * VOCABULARY) + pieces
    head += struct.pack("<iI", 1, 9) + bytes(9) + struct.pack("<i", len(bodies))
    place = len(head) + sum(2 + len(name) + 21 for name in bodies)
    for name, (kind, body) in bodies.items():
        head += struct.pack("<H", len(name)) + name.encode()
        head += struct.pack("<BIQQ", kind, sizes[name], place, len(body))
        place += len(body)
    path.write_bytes(head + b"".join(body for _, body in bodies.values()))
    return tensors


def test_a_block_is_a_scale_and_thirty_two_halves_of_bytes_low_ones_first() -> None:
    block = np.float16(0.5).tobytes() + bytes([0x0F, *[0x88] * 14, 0xA8])
    weights = dequantized(np.frombuffer(block, dtype=np.uint8))
    assert weights.tolist() == [3.5, *[0.0] * 15, -4.0, *[0.0] * 14, 1.0]


def test_the_kept_layers_and_pieces_come_out_as_a_bert(tmp_path: Path) -> None:
    tensors = write_file(tmp_path / "small.bin")
    encoder = Q4File(tmp_path / "small.bin").encoder([1], np.array([0, 1, 4]), pad_token_id=1)
    state: dict[str, Any] = encoder.state_dict()

    def equal(name: str, own: str, shape: tuple[int, ...]) -> bool:
        return torch.equal(state[name], torch.from_numpy(tensors[own].reshape(shape)))

    words = tensors["emb.word"].reshape(VOCABULARY, HIDDEN)[[0, 1, 4]]
    assert torch.equal(state["embeddings.word_embeddings.weight"], torch.from_numpy(words))
    assert equal("embeddings.position_embeddings.weight", "emb.pos", (8, HIDDEN))
    assert equal("encoder.layer.0.attention.self.query.weight", "l1.q.w", (HIDDEN, HIDDEN))
    assert equal("encoder.layer.0.intermediate.dense.weight", "l1.fi.w", (64, HIDDEN))
    assert equal("encoder.layer.0.output.dense.weight", "l1.fo.w", (HIDDEN, 64))
    assert equal("encoder.layer.0.output.LayerNorm.bias", "l1.oln.b", (HIDDEN,))
    config = encoder.config
    assert (config.num_hidden_layers, config.vocab_size, config.layer_norm_eps, config.pad_token_id) == (1, 3, 1e-5, 1)


@pytest.mark.parametrize("change", [lambda data: b"GGUF" + data[4:], lambda data: data[:200], lambda data: data[:-9]])
def test_another_or_a_shortened_file_is_refused_in_a_sentence(tmp_path: Path, change: Any) -> None:
    path = tmp_path / "small.bin"
    write_file(path)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(BaseModelError, match=r"small.bin is no encoder in the format E5S1, or it is cut short"):
        Q4File(path)


def test_the_real_encoder_brings_a_product_and_its_translation_together(unigram: Tokenizer) -> None:
    english = ["women's cotton summer dress", "magnetic car phone holder", "mixed nuts gift box", "matte lipstick"]
    chinese = ["女士纯棉夏季连衣裙", "磁吸车载手机支架", "坚果礼盒", "哑光口红"]
    pieces = needed_pieces(unigram, [*english, *chinese], 1)
    tokenizer = pruned_tokenizer(unigram, pieces)
    file = Q4File(fetch(MULTILINGUAL_WEIGHTS))
    encoder = file.encoder(range(file.layers), pieces, pad_token_id=1)
    encoder.train(False)

    def vectors(texts: list[str]) -> torch.Tensor:
        with torch.no_grad():
            ids = (torch.tensor([tokenizer.encode(text).ids]) for text in texts)
            pooled = torch.stack([encoder(input_ids=one).last_hidden_state[0].mean(dim=0) for one in ids])
        return torch.nn.functional.normalize(pooled)

    assert (vectors(english) @ vectors(chinese).T).argmax(dim=1).tolist() == [0, 1, 2, 3]
