"""Levels an encoder's vectors: over the catalogue's texts each of their numbers gets the mean 0 and the spread 1.

The vectors of multilingual-e5 point nearly all the same way: what tells two texts apart is a small part of them. A new
layer on top learns from that only at high rates, at which the encoder forgets what it knew of words that no training
product holds. Scale and offset of the last normalisation take the common part out, before anything is learnt.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from tokenizers import Tokenizer
from torch import nn
from transformers import BertModel

from training.base.texts import BATCH_SIZE, DEVICE, ENOUGH, batches, mean_vectors

SAMPLE = 1024
"""Texts that mean and spread are measured on."""


def level(encoder: BertModel, texts: Sequence[str], tokenizer: Tokenizer, pad_token_id: int) -> None:
    """Change the last normalisation so that the texts' mean vectors have the mean 0 and the standard deviation 1.

    Args:
        encoder: what is changed.
        texts: those of the training products; few of them change nothing.
        tokenizer: the encoder's; it neither cuts nor pads.
        pad_token_id: what fills the short rows of a batch.
    """
    if len(texts) < ENOUGH:
        return
    nn.Module.to(encoder, DEVICE).eval()
    drawn = batches(texts, tokenizer, pad_token_id)
    with torch.inference_mode():
        found = [
            mean_vectors(encoder(input_ids=ids, attention_mask=mask).last_hidden_state, mask)
            for ids, mask in (next(drawn) for _ in range(-(-min(SAMPLE, len(texts)) // BATCH_SIZE)))
        ]
    vectors = torch.cat(found).clone()
    spread = vectors.std(dim=0)
    last = encoder.get_submodule(f"encoder.layer.{encoder.config.num_hidden_layers - 1}.output.LayerNorm")
    assert isinstance(last, nn.LayerNorm)
    with torch.no_grad():
        last.weight.div_(spread)
        last.bias.sub_(vectors.mean(dim=0)).div_(spread)
    encoder.cpu()
