"""A refused request as HTTP tells it: a problem document of RFC 9457."""

from __future__ import annotations

import json

from starlette.responses import Response

from gateway.errors import Problem


def problem_response(problem: Problem) -> Response:
    """The answer to a request that is refused."""
    headers = dict(problem.headers)
    if problem.status in (408, 413):
        headers["connection"] = "close"
    body = {"type": "about:blank", "title": problem.title, "status": problem.status, "detail": problem.detail}
    body["error"] = problem.detail  # where the clients of the Open Inference Protocol look
    return Response(json.dumps(body), problem.status, headers, "application/problem+json")
