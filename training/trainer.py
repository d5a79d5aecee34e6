"""Hugging Face's Trainer with this project's loss, batches, learning rates and progress lines."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch.utils.data import Dataset, Sampler
from transformers import (
    EvalPrediction,
    PreTrainedModel,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from catalog.heads import CATEGORY, TAG, Layout
from training.averaging import WeightAverage
from training.data import EncodedExamples, LengthGroupedSampler, PaddingCollator, TokenDropout
from training.evaluation import LabelCounts, category_macro_f1
from training.inference import probabilities_of
from training.losses import ProductTaggingLoss
from training.pace import Pace
from training.thresholds import best_common_threshold

logger = logging.getLogger(__name__)

TARGETS = ("category", "tags", "weight", "tag_weight")
"""What a batch holds besides the model's own inputs."""


class ProductTaggingTrainer(Trainer):
    """A Trainer for BertForProductTagging.

    Args:
        model: what is fine-tuned.
        args: `per_device_train_batch_size` times the processes is the effective batch.
        train: the training part.
        validation: the validation part; None where nothing is evaluated on the way.
        loss: the loss over a batch.
        pad_token_id: what fills the short rows of a batch.
        learning_rates: of the parts that don't learn at `args.learning_rate`: beginning of a parameter's name → rate.
        token_dropout: hides tokens of the training texts.
        average: keeps the averaged weights, which are evaluated, and of which the best are kept.
        pace: the clock of a training within a time limit; None: the rate goes by the steps alone.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        args: TrainingArguments,
        train: EncodedExamples,
        validation: EncodedExamples | None,
        loss: ProductTaggingLoss,
        pad_token_id: int,
        learning_rates: Mapping[str, float],
        token_dropout: TokenDropout,
        average: WeightAverage,
        pace: Pace | None = None,
        callbacks: Sequence[TrainerCallback] = (),
    ) -> None:
        self._loss = loss
        self._learning_rates = learning_rates
        self._token_dropout = token_dropout
        self._average = average
        self._pace = pace
        # A batch of one process is a stretch of the effective batch, so that any number of processes sees the same one.
        self._sampler = LengthGroupedSampler(train.drawn_lengths(), args.train_batch_size * args.world_size, args.seed)
        super().__init__(
            model=model,
            args=args,
            train_dataset=train,
            eval_dataset=validation,
            data_collator=PaddingCollator(pad_token_id),
            compute_metrics=ValidationMetrics(loss.layout),
            callbacks=[average, _EpochOrder(self._sampler), *callbacks],
        )
        self.remove_callback(PrinterCallback)  # it prints dictionaries

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | None = None,
    ) -> Any:
        """Return the scalar loss of a batch, and the logits [B, C + T] with it when they are asked for."""
        targets = [inputs[name] for name in TARGETS]
        ids = self._token_dropout(inputs["input_ids"]) if model.training else inputs["input_ids"]
        outputs = model(input_ids=ids, attention_mask=inputs["attention_mask"])
        loss = self._loss(outputs.logits, *targets)
        return (loss, {"loss": loss, "logits": outputs.logits}) if return_outputs else loss

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """Make AdamW; only the encoder's and the head's matrices decay.

        The vocabulary's vectors don't: most tokens are in few batches, and would only be pulled to zero in the others.
        """
        if self.optimizer is None:
            assert self.model is not None
            groups: dict[tuple[float, float], list[torch.nn.Parameter]] = {}
            for name, parameter in self.model.named_parameters():
                if parameter.requires_grad:
                    rates = (rate for start, rate in self._learning_rates.items() if name.startswith(start))
                    decays = parameter.ndim > 1 and "embeddings" not in name
                    key = next(rates, self.args.learning_rate), self.args.weight_decay if decays else 0.0
                    groups.setdefault(key, []).append(parameter)
            self.optimizer = torch.optim.AdamW(
                [
                    {"params": parameters, "lr": rate, "weight_decay": decay}
                    for (rate, decay), parameters in groups.items()
                ],
                betas=(self.args.adam_beta1, self.args.adam_beta2),
                eps=self.args.adam_epsilon,
                fused=True,
            )
        return self.optimizer

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """Make the learning rates' schedule: by the steps, or by the pace."""
        pace = self._pace
        if pace is None or self.lr_scheduler is not None:
            return super().create_scheduler(num_training_steps, optimizer)
        of = self.create_optimizer() if optimizer is None else optimizer
        self.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(
            of, lambda step: pace.rate_factor(step, num_training_steps)
        )
        self._created_lr_scheduler = True
        return self.lr_scheduler

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Evaluate the averaged weights."""
        assert isinstance(self.model, torch.nn.Module)
        with self._average.in_place_of(self.model):
            return super().evaluate(*args, **kwargs)

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """Save the model, and the average beside it."""
        super().save_model(output_dir, _internal_call)
        if self.args.should_save and output_dir is not None:
            self._average.save(Path(output_dir))
            if self._pace:
                self._pace.save(Path(output_dir))

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        super()._load_from_checkpoint(resume_from_checkpoint, model)
        self._average.load(Path(resume_from_checkpoint))
        if self._pace:
            self._pace.load(Path(resume_from_checkpoint))

    def _load_best_model(self) -> None:
        """Called after the last step; the model that is kept is made of the average."""
        if self.state.best_model_checkpoint:
            self._average.load(Path(self.state.best_model_checkpoint))

    def _get_train_sampler(self, train_dataset: Dataset[Any] | None = None) -> Sampler[int]:
        return self._sampler


class _EpochOrder(TrainerCallback):
    """Tells the sampler which epoch begins, also in a run that is resumed within one."""

    def __init__(self, sampler: LengthGroupedSampler) -> None:
        self._sampler = sampler

    def on_epoch_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self._sampler.start_epoch(int(state.epoch or 0))


class ValidationMetrics:
    """Turns the validation part's logits into the figures that early stopping looks at.

    `score` is the mean of category macro-F1 and tag micro-F1 at the best common threshold; without tags the former
    alone.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def __call__(self, prediction: EvalPrediction) -> dict[str, float]:
        """Return the figures of logits float [B, C + T], batch by batch, against the targets of `TARGETS`."""
        logits = np.concatenate(prediction.predictions).astype(np.float32, copy=False)
        batches = cast("list[tuple[Any, ...]]", prediction.label_ids)
        category = np.concatenate([batch[0] for batch in batches])
        tags = np.concatenate([batch[1] > 0.5 for batch in batches])
        answered = logits[:, self._layout.columns(CATEGORY)].argmax(axis=1)
        figures = {
            "category_accuracy": float((answered == category).mean()),
            "category_macro_f1": category_macro_f1(category, answered),
        }
        figures["score"] = figures["category_macro_f1"]
        if tags.any():
            probabilities = probabilities_of(logits, self._layout)[:, self._layout.columns(TAG)]
            given = probabilities >= best_common_threshold(probabilities, tags)
            figures["tag_micro_f1"] = LabelCounts.of_flags(tags, given).micro_f1()
            figures["score"] = (figures["category_macro_f1"] + figures["tag_micro_f1"]) / 2
        return figures


class ProgressLines(TrainerCallback):
    """Writes a line to the log every so often: for logs, and for terminals beside the progress bar.

    Args:
        pace: the clock of a training within a time limit.
    """

    def __init__(self, pace: Pace | None = None) -> None:
        self._pace = pace
        self._started = time.monotonic()
        self._first_step = 0

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Start the clock."""
        self._started, self._first_step = time.monotonic(), state.global_step

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        """Write the line."""
        if not state.is_world_process_zero or not logs:
            return
        # Within a time limit the clock decides how many there will be.
        of_all = "" if self._pace else f" of {state.max_steps:,}"
        place = f"step {state.global_step:,}{of_all} (epoch {state.epoch or 0:.2f})"
        if "loss" in logs:
            seconds = time.monotonic() - self._started
            left = seconds / max(1, state.global_step - self._first_step) * (state.max_steps - state.global_step)
            if self._pace:
                left = min(left, self._pace.left)
            logger.info("%s: loss %.4f, about %s left", place, logs["loss"], _duration(left))
        elif "eval_score" in logs:
            figures = ("eval_loss", "eval_category_accuracy", "eval_category_macro_f1", "eval_tag_micro_f1")
            told = ", ".join(f"{key[5:].replace('_', ' ')} {logs[key]:.4f}" for key in figures if key in logs)
            logger.info("%s, validation: %s", place, told)


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
