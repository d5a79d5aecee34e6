"""A product tagger without a model: its answer is made from the text, and marked texts make it fail."""

import hashlib
import time

import numpy as np
import triton_python_backend_utils as pb_utils

CATEGORIES = ("apparel", "beauty", "electronics", "home", "food", "automotive")
TAGS = ("dress", "summer", "cotton", "men", "women", "gift", "party")


def answer(text):
    """Category, score and scored tags, the same for the same text on any machine."""
    digest = hashlib.sha256(text.encode()).digest()
    category = "" if "!abstain" in text else CATEGORIES[digest[0] % len(CATEGORIES)]
    names = [name for place, name in enumerate(TAGS) if digest[2 + place] > 170]
    scored = sorted(((0.5 + digest[10 + TAGS.index(name)] / 512, name) for name in names), reverse=True)
    return category, 0.5 + digest[1] / 512, scored, "!truncated" in text or len(text) > 65_536


class TritonPythonModel:
    """Obeys the contract of product_tagger."""

    def initialize(self, args):
        """Remembers which texts were refused once."""
        self.refused = set()

    def execute(self, requests):
        """Answers or refuses each request for itself."""
        return [self.respond(request) for request in requests]

    def respond(self, request):
        """One request: a response with outputs, or with an error."""
        rows = pb_utils.get_input_tensor_by_name(request, "TEXT").as_numpy()[:, 0]
        texts = []
        for row, raw in enumerate(rows):
            text = raw.decode("utf-8", "replace")
            if not text.strip() or "\0" in text or "!invalid" in text:
                return self.error("INVALID_ARG", f"row {row}: the text is empty, or holds what it may not")
            if "!unavailable" in text:
                return self.error("UNAVAILABLE", "the queue is full")
            if "!once" in text and text not in self.refused:
                self.refused.add(text)
                return self.error("UNAVAILABLE", "the queue is full, for once")
            if "!broken" in text:
                return self.error("INTERNAL", "the classifier broke")
            if "!slow" in text:
                time.sleep(1)
            texts.append(text)
        answers = [answer(text) for text in texts]
        if "!deadline" in texts:  # tells which time-out the client sent, in microseconds
            answers = [(str(request.timeout()), *rest) for _, *rest in answers]
        width = max(1, *(len(scored) for _, _, scored, _ in answers)) if answers else 1
        names = np.full((len(answers), width), "", dtype=object)
        scores = np.zeros((len(answers), width), dtype=np.float32)
        for row, (_, _, scored, _) in enumerate(answers):
            for place, (score, name) in enumerate(scored):
                names[row, place], scores[row, place] = name, score
        column = np.array([[category, score, cut] for category, score, _, cut in answers], dtype=object)
        return pb_utils.InferenceResponse(
            [
                pb_utils.Tensor("CATEGORY", column[:, :1]),
                pb_utils.Tensor("CATEGORY_SCORE", column[:, 1:2].astype(np.float32)),
                pb_utils.Tensor("TAGS", names),
                pb_utils.Tensor("TAG_SCORES", scores),
                pb_utils.Tensor("TRUNCATED", column[:, 2:].astype(bool)),
            ]
        )

    @staticmethod
    def error(code, sentence):
        """A refusal of one request."""
        return pb_utils.InferenceResponse(
            output_tensors=[], error=pb_utils.TritonError(sentence, getattr(pb_utils.TritonError, code))
        )
