"""BertForProductTagging: a BERT encoder with one linear layer for categories and tags, beside it a table of n-grams.

The file is copied into every checkpoint (transformers' `auto_map`), so that a checkpoint loads anywhere with
`AutoModelForSequenceClassification.from_pretrained(path, trust_remote_code=True)`: it imports nothing of this project.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformers import BertConfig, BertModel, BertPreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput


class ProductTaggingConfig(BertConfig):
    """A BertConfig that also says how tokens are pooled, and what the n-gram table looks like.

    Args:
        pooling: `mean` (of the token vectors under the attention mask) or `cls` (the first token's vector).
        ngram_buckets: rows of the n-gram table that pairs of tokens share; 0: there is no such table.
        ngram_tokens: rows of that table for single tokens; the first is for all tokens that it doesn't know.
        ngram_rank: columns of that table; as many as there are labels, or fewer, which a matrix then turns into labels.
        classifier_dropout: dropout probability on the pooled vector.
    """

    model_type = "bert"

    def __init__(
        self,
        pooling: str = "mean",
        ngram_buckets: int = 0,
        ngram_tokens: int = 0,
        ngram_rank: int = 0,
        **kwargs: Any,
    ) -> None:
        if pooling not in ("mean", "cls"):
            raise ValueError(f"pooling is {pooling!r}; it must be 'mean' or 'cls'.")
        if ngram_buckets and not (ngram_rank and ngram_tokens):
            raise ValueError("It has an n-gram table of an older version, which is no longer read: train again.")
        super().__init__(**kwargs)
        self.pooling = pooling
        self.ngram_buckets = ngram_buckets
        self.ngram_tokens = ngram_tokens
        self.ngram_rank = ngram_rank


def pair_ids(left: Any, right: Any, first: int, buckets: int) -> Any:
    """Number pairs of neighbouring tokens: a row of the n-gram table for each.

    Args:
        left: token ids, int64, a torch tensor or a numpy array of any shape.
        right: the tokens behind them, of the same kind and shape.
        first: the first row for pairs.
        buckets: B.

    Returns:
        Numbers from `first` to `first` + B - 1, of the same kind and shape. Different pairs may share one.
    """
    # A prime. The sum stays within 32 bits for vocabularies of up to 270,000 tokens, whatever an engine computes in.
    return first + (left * 7919 + right) % buckets


class NgramTable(nn.Module):
    """What each token, and each pair of neighbouring tokens, says of the labels by itself, whatever stands around it.

    As in TF-IDF, n-grams count by their rarity, and each text has length 1: the sum of the n-grams' rows ÷ √(sum of
    their squared weights). The rows are multiplied by the weights already. Pairs are hashed into a fixed number of
    rows, as in fastText (Joulin et al., "Bag of Tricks for Efficient Text Classification", EACL 2017).

    Attributes:
        row_of: int64 [V], the row of each token; row 0 is for all that were never seen.
        rows: float [U + B, R + 1], U for tokens and B for pairs; the last column is the n-gram's squared weight, 0 for
            one that was never seen.
        labels: turns R sums into C + T logits; None where they are the logits.
        offsets: float [C + T], added to the logits.
    """

    row_of: torch.Tensor

    def __init__(self, vocab_size: int, tokens: int, buckets: int, rank: int, num_labels: int) -> None:
        super().__init__()
        self.tokens, self.buckets = tokens, buckets
        self.register_buffer("row_of", torch.zeros(vocab_size, dtype=torch.int64))
        self.rows = nn.Embedding(tokens + buckets, rank + 1)
        self.labels = nn.Linear(rank, num_labels, bias=False) if rank < num_labels else None
        self.offsets = nn.Parameter(torch.zeros(num_labels))

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Return logits [batch, C + T], float, of token ids and their mask, int64 [batch, length]."""
        pairs = pair_ids(input_ids[:, :-1], input_ids[:, 1:], self.tokens, self.buckets)
        ngrams = torch.cat((self.row_of[input_ids], pairs), dim=1)
        there = torch.cat((attention_mask, attention_mask[:, :-1] * attention_mask[:, 1:]), dim=1)
        total = (self.rows(ngrams) * there.to(self.rows.weight.dtype).unsqueeze(-1)).sum(dim=1)
        # At least 1: an n-gram's weight is no less, and a text without a known one has only zeros.
        sums = total[:, :-1] / total[:, -1:].clamp(min=1.0).sqrt()
        logits: torch.Tensor = (sums if self.labels is None else self.labels(sums)) + self.offsets
        return logits


def _table(config: Any) -> NgramTable:
    return NgramTable(
        config.vocab_size, config.ngram_tokens, config.ngram_buckets, config.ngram_rank, config.num_labels
    )


class BertForProductTagging(BertPreTrainedModel):
    """BertModel, pooling, dropout, and one linear layer with C + T outputs, to which the n-gram table's are added."""

    config_class = ProductTaggingConfig

    def __init__(self, config: ProductTaggingConfig) -> None:
        super().__init__(config)
        self.bert = BertModel(config, add_pooling_layer=False)
        dropout = config.hidden_dropout_prob if config.classifier_dropout is None else config.classifier_dropout
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)
        self.ngrams = None
        if config.ngram_buckets:
            self.ngrams = _table(config)
        self.post_init()

    def set_ngrams(
        self, row_of: torch.Tensor, rows: torch.Tensor, labels: torch.Tensor | None, offsets: torch.Tensor
    ) -> None:
        """Put an n-gram table beside the encoder.

        Args:
            row_of: int64 [V], numbers below U.
            rows: float [U + B, R + 1], B at least 1.
            labels: float [C + T, R]; None where R is C + T, and the table's columns are the labels.
            offsets: float [C + T].
        """
        config = self.config
        config.ngram_tokens = int(row_of.max()) + 1
        config.ngram_buckets, config.ngram_rank = len(rows) - config.ngram_tokens, rows.shape[1] - 1
        self.ngrams = _table(config)
        with torch.no_grad():
            self.ngrams.row_of.copy_(row_of)
            self.ngrams.rows.weight.copy_(rows)
            self.ngrams.offsets.copy_(offsets)
            if self.ngrams.labels is not None and labels is not None:
                self.ngrams.labels.weight.copy_(labels)

    def pooled(
        self,
        input_ids: torch.Tensor | None,
        attention_mask: torch.Tensor | None,
        token_type_ids: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Return the vectors that the linear layer sees, [batch, hidden] (float). The arguments are `forward`'s."""
        hidden: torch.Tensor = self.bert(
            input_ids=input_ids,
            attention_mask=attention_mask,
            token_type_ids=token_type_ids,
            position_ids=position_ids,
            inputs_embeds=inputs_embeds,
        ).last_hidden_state
        if self.config.pooling == "cls":
            return hidden[:, 0]
        if attention_mask is None:
            return hidden.mean(dim=1)
        mask = attention_mask.unsqueeze(-1).to(hidden.dtype)
        return (hidden * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1.0)

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        token_type_ids: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        **kwargs: Any,
    ) -> SequenceClassifierOutput:
        """Return logits [batch, C + T] (float): `id2label` names the columns.

        Those of `category/…` are for a softmax, those of `tag/…` for a sigmoid each.

        Args:
            input_ids: token ids [batch, length], int64.
            attention_mask: 1 for tokens, 0 for padding [batch, length].
            token_type_ids: segment ids [batch, length]; all 0 without it.
            position_ids: positions [batch, length]; 0, 1, 2 … without it.
            inputs_embeds: token vectors [batch, length, hidden] in place of `input_ids`.
            kwargs: taken for compatibility with callers of other classes, and not used.

        Raises:
            ValueError: there are no token ids, which an n-gram table is looked up by.
        """
        pooled = self.pooled(input_ids, attention_mask, token_type_ids, position_ids, inputs_embeds)
        logits = self.classifier(self.dropout(pooled))
        if self.ngrams is not None:
            if input_ids is None:
                raise ValueError("This model has an n-gram table, which needs input_ids; inputs_embeds alone won't do.")
            there = torch.ones_like(input_ids) if attention_mask is None else attention_mask
            logits = logits + self.ngrams(input_ids, there)
        return SequenceClassifierOutput(logits=logits)


ProductTaggingConfig.register_for_auto_class()
BertForProductTagging.register_for_auto_class("AutoModelForSequenceClassification")
