"""What most people would deploy: FastAPI, uvicorn, and a transformers pipeline around the checkpoint.

It answers what Triton answers: the category, and the tags over their thresholds. One process, and as many PyTorch
threads as there are cores, which is PyTorch's own choice.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

from loadtest.bench.handmade import decide, read_arguments, read_thresholds


class Product(BaseModel):
    """The body of a request."""

    text: str


def make_app(checkpoint: Path, max_length: int) -> FastAPI:
    """The application for a checkpoint, which reads so many tokens of a text."""
    model = AutoModelForSequenceClassification.from_pretrained(checkpoint, trust_remote_code=True)
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    classify: Any = pipeline("text-classification", model=model, tokenizer=tokenizer, device="cpu")
    thresholds = read_thresholds(checkpoint)
    app = FastAPI()

    @app.get("/ready")
    def ready() -> dict[str, bool]:
        return {"ready": True}

    # Not `async def`: that would answer nobody while the model computes. FastAPI runs this one in its thread pool.
    @app.post("/tag")
    def tag(product: Product) -> dict[str, Any]:
        logits = classify(product.text, top_k=None, function_to_apply="none", truncation=True, max_length=max_length)
        return decide({entry["label"]: entry["score"] for entry in logits}, thresholds)

    return app


def main(arguments: Sequence[str] | None = None) -> int:
    """Serves until a signal ends it."""
    options = read_arguments(arguments, __doc__)
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    uvicorn.run(
        make_app(options.checkpoint, options.max_length), host="127.0.0.1", port=options.port, log_level="warning"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
