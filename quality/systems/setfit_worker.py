"""Runs in setfit's own environment, which has none of this project: a folder's job.json in, probabilities out."""

from __future__ import annotations

import importlib.metadata
import json
import sys
import time
from pathlib import Path

import numpy as np
from datasets import Dataset
from setfit import SetFitModel, Trainer, TrainingArguments

ITERATIONS = 20
"""Pairs of each kind that a product is in, as in the paper: all pairs of 1,000 products would take hours."""
BATCH_SIZE = 16


def main(folder: Path) -> None:
    """Learn from the job's texts and answer those that are asked."""
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    started = time.monotonic()
    model = SetFitModel.from_pretrained(job["base"], local_files_only=True, device="cpu")
    model.model_body.max_seq_length = job["max_length"]
    arguments = TrainingArguments(
        output_dir=str(folder / "checkpoints"),
        batch_size=BATCH_SIZE,
        num_epochs=1,
        num_iterations=ITERATIONS,
        seed=job["seed"],
        report_to="none",
        save_strategy="no",
        show_progress_bar=False,
    )
    products = Dataset.from_dict({"text": job["texts"], "label": job["labels"]})
    Trainer(model=model, args=arguments, train_dataset=products).train()
    seconds = time.monotonic() - started
    probabilities = np.zeros((len(job["asked"]), job["categories"]), dtype=np.float32)
    present = np.asarray(model.model_head.classes_)
    probabilities[:, present] = model.predict_proba(job["asked"], as_numpy=True)
    np.save(folder / "probabilities.npy", probabilities)
    told = {"seconds": seconds, "version": importlib.metadata.version("setfit"), "iterations": ITERATIONS}
    (folder / "seconds.json").write_text(json.dumps(told), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
