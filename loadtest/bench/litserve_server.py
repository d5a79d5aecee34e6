"""LitServe with its batching, around the same checkpoint: what waits together is one padded batch.

One worker with all cores, which is LitServe's and PyTorch's own choice.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import litserve
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from loadtest.bench.handmade import decide, read_arguments, read_thresholds

MAX_BATCH_SIZE = 16
BATCH_TIMEOUT_SECONDS = 0.005
"""A batch that is not full waits so long for more. Of sizes from 8 to 64 and times from 5 to 50 ms these two answered
most at 32 clients on two cores, and lost nothing at one."""
END_SECONDS = 5


class Tagging(litserve.LitAPI):  # type: ignore[misc]  # it comes without types
    """{"text": …} at /tag → category and tags.

    Args:
        checkpoint: A checkpoint's folder.
        max_length: Tokens a text is cut at.
    """

    def __init__(self, checkpoint: Path, max_length: int) -> None:
        super().__init__(max_batch_size=MAX_BATCH_SIZE, batch_timeout=BATCH_TIMEOUT_SECONDS, api_path="/tag")
        self._checkpoint = checkpoint
        self._max_length = max_length

    def setup(self, device: str) -> None:
        """Loads the model, in the worker's process."""
        self._model = AutoModelForSequenceClassification.from_pretrained(self._checkpoint, trust_remote_code=True)
        self._model.eval().to(device)
        self._tokenizer = AutoTokenizer.from_pretrained(self._checkpoint)
        self._thresholds = read_thresholds(self._checkpoint)
        self._labels = [self._model.config.id2label[number] for number in range(self._model.config.num_labels)]

    # LitServe takes annotations of these two for schemas that each request and answer is to be held against.
    def decode_request(self, request):  # type: ignore[no-untyped-def]
        """The text of a request's body."""
        return request["text"]

    def predict(self, texts: list[str]) -> list[list[float]]:
        """The logits of a batch, padded to its longest text."""
        encoded = self._tokenizer(
            texts, padding="longest", truncation=True, max_length=self._max_length, return_tensors="pt"
        )
        with torch.inference_mode():
            logits = self._model(**{name: encoded[name] for name in ("input_ids", "attention_mask")}).logits
        found: list[list[float]] = logits.tolist()
        return found

    def encode_response(self, output):  # type: ignore[no-untyped-def]
        """The answer for one text."""
        return decide(dict(zip(self._labels, output, strict=True)), self._thresholds)


def _end(_number: int, _frame: FrameType | None) -> None:
    """Ends the server in order, which LitServe does on Ctrl-C only, and by force what is left some seconds later."""
    signal.alarm(END_SECONDS)
    raise KeyboardInterrupt


def main(arguments: Sequence[str] | None = None) -> int:
    """Serves until a signal ends it."""
    options = read_arguments(arguments, __doc__)
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGALRM, lambda number, frame: os.killpg(0, signal.SIGKILL))
    server = litserve.LitServer(Tagging(options.checkpoint, options.max_length), accelerator="cpu")
    server.run(host="127.0.0.1", port=options.port, log_level="warning", generate_client_file=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
