"""BertForProductTagging: one BERT encoder, one linear layer, categories and tags together.

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
    """A BertConfig that also says how tokens are pooled and how many of the logits are categories.

    Args:
        pooling: `mean` (of the token vectors under the attention mask) or `cls` (the first token's vector).
        num_categories: the first C logits are the categories; the rest of `num_labels` are the tags.
        classifier_dropout: dropout probability on the pooled vector.
    """

    model_type = "bert"

    def __init__(self, pooling: str = "mean", num_categories: int = 2, **kwargs: Any) -> None:
        if pooling not in ("mean", "cls"):
            raise ValueError(f"pooling is {pooling!r}; it must be 'mean' or 'cls'.")
        super().__init__(**kwargs)
        self.pooling = pooling
        self.num_categories = num_categories


class BertForProductTagging(BertPreTrainedModel):
    """BertModel, pooling, dropout, and one linear layer with C + T outputs."""

    config_class = ProductTaggingConfig

    def __init__(self, config: ProductTaggingConfig) -> None:
        super().__init__(config)
        self.bert = BertModel(config, add_pooling_layer=False)
        dropout = config.hidden_dropout_prob if config.classifier_dropout is None else config.classifier_dropout
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)
        self.post_init()

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        token_type_ids: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        **kwargs: Any,
    ) -> SequenceClassifierOutput:
        """Return logits [batch, C + T] (float): C category logits for a softmax, T tag logits for one sigmoid each.

        Args:
            input_ids: token ids [batch, length], int64.
            attention_mask: 1 for tokens, 0 for padding [batch, length].
            token_type_ids: segment ids [batch, length]; all 0 without it.
            position_ids: positions [batch, length]; 0, 1, 2 … without it.
            inputs_embeds: token vectors [batch, length, hidden] in place of `input_ids`.
            kwargs: taken for compatibility with callers of other classes, and not used.
        """
        hidden = self.bert(
            input_ids=input_ids,
            attention_mask=attention_mask,
            token_type_ids=token_type_ids,
            position_ids=position_ids,
            inputs_embeds=inputs_embeds,
        ).last_hidden_state
        if self.config.pooling == "cls":
            pooled = hidden[:, 0]
        elif attention_mask is None:
            pooled = hidden.mean(dim=1)
        else:
            mask = attention_mask.unsqueeze(-1).to(hidden.dtype)
            pooled = (hidden * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1.0)
        return SequenceClassifierOutput(logits=self.classifier(self.dropout(pooled)))


ProductTaggingConfig.register_for_auto_class()
BertForProductTagging.register_for_auto_class("AutoModelForSequenceClassification")
