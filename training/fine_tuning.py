"""One fine-tuning run: base and catalogue in, model out; interrupted runs go on where they stopped."""

from __future__ import annotations

import importlib.util
import json
import logging
import math
import os
import shutil
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import (
    EarlyStoppingCallback,
    PreTrainedTokenizerBase,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
    set_seed,
)
from transformers.trainer_utils import IntervalStrategy, get_last_checkpoint

from catalog.taxonomy import Taxonomy
from settings import TrainingSettings
from steps import changed
from training.averaging import WeightAverage
from training.base import BaseModel, LearningRates
from training.data import EncodedExamples, TokenDropout
from training.errors import TrainingError
from training.freezing import freeze_lowest, leave_out_dropout, measure_step
from training.losses import ProductTaggingLoss, prior_log_odds
from training.modeling_product_tagging import BertForProductTagging, ProductTaggingConfig
from training.pace import Pace, agreed, now
from training.precision import computes_in_bf16
from training.rates import learning_rates, least_steps
from training.time_plan import StepSeconds, TimePlan, frozen_layers, plan_in_time
from training.trainer import TARGETS, ProductTaggingTrainer, ProgressLines

logger = logging.getLogger(__name__)

WORD_EMBEDDINGS = "bert.embeddings.word_embeddings.weight"
RUN_FILE = "run.json"
MIN_VALIDATION = 200
"""Early stopping looks at the validation part only from so many products on: fewer would choose by accident."""
MOST_EVALUATIONS = 12
SAVE_STEPS = 500
"""An interrupted run loses at most so many steps."""
DROPOUT = 0.1
WEIGHT_DECAY = 0.01
WARM_UP_SHARE = 0.06
"""Share of the steps in which the learning rate rises."""
SHORT_TEXT = 128
"""Up to so many tokens attention in single steps is quicker on a CPU than PyTorch's fused one, whose way back takes a
quarter of a training step. Beyond, the matrices of the single steps take too much memory."""


@dataclass(frozen=True)
class FineTuned:
    """What a run gives.

    Attributes:
        model: on the CPU, with averaged weights, the best of the evaluated ones where there was an evaluation.
        history: the Trainer's log: a mapping a line, with `step` and `loss` or `eval_…`.
        facts: figures of the run for metrics.json.
    """

    model: BertForProductTagging
    history: list[dict[str, float]]
    facts: dict[str, Any]


def fine_tune(
    settings: TrainingSettings,
    base: BaseModel,
    tokenizer: PreTrainedTokenizerBase,
    taxonomy: Taxonomy,
    train: EncodedExamples,
    validation: EncodedExamples,
    directory: Path,
    logs: Path,
    fingerprint: Mapping[str, Any],
) -> FineTuned:
    """Fine-tune the base on the training part.

    Args:
        settings: the hyperparameters.
        base: where the encoder comes from.
        tokenizer: that of the texts.
        taxonomy: the labels.
        train: the training part.
        validation: the validation part; may be empty.
        directory: the run's own checkpoints, for going on after an interruption.
        logs: where TensorBoard's files go.
        fingerprint: a run goes on only where the former one in `directory` had the same.

    Raises:
        TrainingError: `check_settings` says when.
    """
    check_settings(settings)
    rates = learning_rates(settings, base.recipe)
    arguments = _arguments(
        settings, rates, least_steps(settings, base.recipe), len(train), len(validation), directory, logs
    )
    resume = _find_interrupted(directory, fingerprint, arguments)
    set_seed(settings.seed)
    model = build_model(settings, base, taxonomy, train)
    # On its device before the average is made of it: the two are blended at every step.
    torch.nn.Module.to(model, arguments.device)  # transformers' own `to` has no usable type
    dropout = DROPOUT if settings.token_dropout == "auto" else settings.token_dropout
    loss, pad_token_id = ProductTaggingLoss(taxonomy.layout), int(tokenizer.pad_token_id)
    plan, pace = None, None
    if settings.minutes is not None:
        left = 60 * settings.minutes - base.making_seconds
        plan = _plan(settings, model, loss, train, validation, arguments, pad_token_id, left, directory, resume)
        if plan.given_up:
            arguments.eval_strategy = IntervalStrategy.NO
            arguments.load_best_model_at_end = False
            arguments.logging_steps = _logging_steps(plan.steps)
        if plan.is_brief:
            rates = learning_rates(settings, base.recipe, brief=True)
            arguments.learning_rate = rates.encoder
            dropout = 0.0 if settings.token_dropout == "auto" else dropout
            if settings.dropout == "auto":
                leave_out_dropout(model)
        freeze_lowest(model, plan.frozen_layers)
        pace = Pace(plan.limit_s, WARM_UP_SHARE, now)
    average = WeightAverage(model)
    evaluates = arguments.eval_strategy != "no"
    callbacks: list[TrainerCallback] = [ProgressLines(pace), *([pace] if pace else []), _Saving()]
    if evaluates and settings.early_stopping_patience:
        callbacks.append(EarlyStoppingCallback(settings.early_stopping_patience))
    trainer = ProductTaggingTrainer(
        model=model,
        args=arguments,
        train=train,
        validation=validation if evaluates else None,
        loss=loss,
        pad_token_id=pad_token_id,
        learning_rates={
            "classifier.": rates.head,
            WORD_EMBEDDINGS: rates.embeddings,
        },
        token_dropout=TokenDropout.of(tokenizer, dropout),
        average=average,
        pace=pace,
        callbacks=callbacks,
    )
    started = time.monotonic()
    trainer.train(resume_from_checkpoint=resume)
    average.copy_to(model)
    state = trainer.state
    facts = {
        "seconds": round(time.monotonic() - started, 1),
        "resumed_at_step": int(Path(resume).name.rpartition("-")[2]) if resume else None,
        "steps": state.global_step,
        "planned_steps": plan.steps if plan else state.max_steps,
        "epochs": round(state.epoch or 0.0, 3),
        "best_step": state.best_global_step if evaluates else None,
        "batch_size": settings.batch_size,
        "base_kind": base.recipe.kind,
        "learning_rates": asdict(rates),
        "processes": arguments.world_size,
        "threads": torch.get_num_threads(),
        "precision": "bf16" if arguments.bf16 else "fp32",
        "device": str(arguments.device),
        "plan": asdict(plan) if plan else None,
    }
    return FineTuned(model.cpu(), list(state.log_history), facts)


def _plan(
    settings: TrainingSettings,
    model: BertForProductTagging,
    loss: ProductTaggingLoss,
    train: EncodedExamples,
    validation: EncodedExamples,
    arguments: TrainingArguments,
    pad_token_id: int,
    seconds: float,
    directory: Path,
    resume: str | None,
) -> TimePlan:
    """Measure and plan within so many seconds, and keep the plan in the run's directory; a resumed run has one."""
    if resume:
        return TimePlan.read(directory)
    begun = now()
    layers = model.config.num_hidden_layers
    whole, upper = (
        measure_step(model, train, loss, arguments.train_batch_size, pad_token_id, frozen, arguments.bf16)
        for frozen in (0, frozen_layers(layers))
    )
    steps_per_epoch = math.ceil(len(train) / settings.batch_size)
    full_steps = round(arguments.num_train_epochs) * steps_per_epoch
    evaluates = arguments.eval_strategy != "no"
    plan = plan_in_time(
        settings.minutes or 0.0,
        agreed(seconds - (now() - begun)),
        StepSeconds(agreed(whole), agreed(upper)),
        full_steps=full_steps,
        steps_per_epoch=steps_per_epoch,
        layers=layers,
        # A forward pass is a third of a step.
        evaluating=agreed(whole) / 3 * len(validation) / settings.batch_size if evaluates else 0.0,
        evaluations=math.ceil(full_steps / (arguments.eval_steps or full_steps)) + 1 if evaluates else 0,
    )
    logger.info("%s", plan.reason)
    if plan.given_up:
        logger.info("Given up for the time: %s.", plan.given_up)
    if arguments.should_save:
        plan.write(directory)
    return plan


def check_settings(settings: TrainingSettings) -> None:
    """Refuse what can't be done on this machine, before anything is made.

    Raises:
        TrainingError: The batch can't be shared among the processes, a logger isn't installed, or one process would
            have to use several GPUs.
    """
    processes = _processes()
    if settings.batch_size % processes:
        raise TrainingError(
            f"training.batch_size is {settings.batch_size}, which {processes} processes can't share evenly: "
            f"make it a multiple of {processes}."
        )
    if settings.report_to == "wandb" and importlib.util.find_spec("wandb") is None:
        raise TrainingError(
            "training.report_to is wandb, which is not installed: `pip install wandb`, or set it to tensorboard."
        )
    gpus = torch.cuda.device_count()
    if processes == 1 and gpus > 1:
        # The Trainer would give each of them a whole batch, and the plan of steps would be wrong.
        raise TrainingError(
            f"This machine has {gpus} GPUs, and one process trains on one. Use all with "
            f"`torchrun --nproc-per-node {gpus} -m training`, or one by setting CUDA_VISIBLE_DEVICES=0."
        )


def _logging_steps(steps: int) -> int:
    return max(1, min(100, steps // 20))


def _processes() -> int:
    return int(os.environ.get("WORLD_SIZE", "1"))


def build_model(
    settings: TrainingSettings, base: BaseModel, taxonomy: Taxonomy, train: EncodedExamples
) -> BertForProductTagging:
    """Put a new head on the base's encoder; its biases start at the labels' frequencies in the training part."""
    labels = taxonomy.layout.names
    dropout = DROPOUT if settings.dropout == "auto" else settings.dropout
    config = ProductTaggingConfig.from_pretrained(
        base.source,
        pooling=base.pooling if settings.pooling == "auto" else settings.pooling,
        num_labels=len(labels),
        id2label=dict(enumerate(labels)),
        label2id={label: number for number, label in enumerate(labels)},
        classifier_dropout=dropout,
        hidden_dropout_prob=dropout,
        # Dropout on attention probabilities would keep PyTorch from its fused attention.
        attention_probs_dropout_prob=0.0,
    )
    fused = torch.cuda.is_available() or settings.max_length > SHORT_TEXT
    model: BertForProductTagging = BertForProductTagging.from_pretrained(
        base.source, config=config, attn_implementation="sdpa" if fused else "eager"
    )
    with torch.no_grad():
        model.classifier.weight.normal_(0.0, config.initializer_range)
        model.classifier.bias.copy_(torch.from_numpy(prior_log_odds(train.labels, taxonomy.layout)))
    return model


def _arguments(
    settings: TrainingSettings,
    rates: LearningRates,
    min_steps: int,
    num_train: int,
    num_validation: int,
    directory: Path,
    logs: Path,
) -> TrainingArguments:
    processes = _processes()
    steps_per_epoch = math.ceil(num_train / settings.batch_size)
    epochs = max(settings.epochs, math.ceil(min_steps / steps_per_epoch))
    steps = epochs * steps_per_epoch
    interval = max(math.ceil(steps / MOST_EVALUATIONS), min(steps_per_epoch, 2 * SAVE_STEPS))
    evaluates = num_validation >= MIN_VALIDATION
    return TrainingArguments(
        output_dir=str(directory),
        logging_dir=str(logs),
        per_device_train_batch_size=settings.batch_size // processes,
        per_device_eval_batch_size=64,
        # In one array the Trainer would copy all batches before with every further one.
        eval_do_concat_batches=False,
        num_train_epochs=epochs,
        learning_rate=rates.encoder,
        weight_decay=WEIGHT_DECAY,
        warmup_ratio=WARM_UP_SHARE,
        lr_scheduler_type="linear",
        eval_strategy="steps" if evaluates else "no",
        eval_steps=interval,
        save_strategy="steps",
        save_steps=interval,
        save_total_limit=2,
        load_best_model_at_end=evaluates,
        metric_for_best_model="score" if evaluates else None,
        greater_is_better=True if evaluates else None,
        restore_callback_states_from_checkpoint=True,
        logging_steps=_logging_steps(steps),
        report_to=settings.report_to,
        label_names=list(TARGETS),
        remove_unused_columns=False,
        bf16=computes_in_bf16(settings.precision),
        use_cpu=not torch.cuda.is_available(),
        ddp_backend=None if torch.cuda.is_available() or processes == 1 else "gloo",
        ddp_find_unused_parameters=False,
        seed=settings.seed,
        disable_tqdm=not sys.stderr.isatty() or int(os.environ.get("RANK", "0")) > 0,
    )


class _Saving(TrainerCallback):
    """Saves between the evaluations of long runs, and evaluates and saves after the last step."""

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> TrainerControl:
        if state.global_step % SAVE_STEPS == 0:
            control.should_save = True
        evaluates = args.eval_strategy != "no"
        if state.global_step >= state.max_steps or (control.should_training_stop and evaluates):
            control.should_save = True
            control.should_evaluate = evaluates
        return control


def _find_interrupted(directory: Path, fingerprint: Mapping[str, Any], arguments: TrainingArguments) -> str | None:
    """The last complete checkpoint of an interrupted run of the same fingerprint; the rest is cleared away."""
    if not arguments.should_save:  # another process of the same run
        torch.distributed.barrier()
        return _last_complete(directory)
    run_file = directory / RUN_FILE
    try:
        former = json.loads(run_file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        former = None
    difference = changed(former or {}, fingerprint)
    if former and difference:
        logger.info("An interrupted run is discarded, because %s changed since.", difference)
    if difference:
        shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True, exist_ok=True)
    run_file.write_text(json.dumps(fingerprint, indent=1) + "\n", encoding="utf-8")
    last = _last_complete(directory)
    if last is not None:
        logger.info("Going on with the interrupted run, from step %s.", Path(last).name.rpartition("-")[2])
    if arguments.world_size > 1:
        torch.distributed.barrier()
    return last


def _last_complete(directory: Path) -> str | None:
    """The newest checkpoint that was written to its end: the Trainer writes trainer_state.json last."""
    while last := get_last_checkpoint(str(directory)):
        try:
            json.loads((Path(last) / "trainer_state.json").read_text(encoding="utf-8"))
            return str(last)
        except (OSError, ValueError):
            shutil.rmtree(last, ignore_errors=True)
    return None
