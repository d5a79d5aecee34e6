"""Scores without a model: made from the length of the text."""

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """Obeys the contract of product_scores."""

    def execute(self, requests):
        """Answers each request for itself; a blank text is refused."""
        return [self.respond(request) for request in requests]

    def respond(self, request):
        """One request: a response with outputs, or with an error."""
        rows = pb_utils.get_input_tensor_by_name(request, "TEXT").as_numpy()
        if any(not raw.strip() or b"!invalid" in raw for raw in rows[:, 0]):
            error = pb_utils.TritonError("row 0: the text is empty", pb_utils.TritonError.INVALID_ARG)
            return pb_utils.InferenceResponse(output_tensors=[], error=error)
        lengths = np.array([[len(raw)] for raw in rows[:, 0]], dtype=np.float32)
        scores = lengths / np.array([[1, 2, 4, 8, 16]], dtype=np.float32)
        return pb_utils.InferenceResponse(
            [pb_utils.Tensor("SCORES", scores), pb_utils.Tensor("TRUNCATED", lengths > 1000)]
        )
