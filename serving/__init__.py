"""Serving: a release on the Triton Inference Server, from `python -m serving run` to a rollback."""
