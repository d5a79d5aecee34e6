"""The benchmark: Triton beside FastAPI + transformers pipeline, on the same checkpoint, machine and texts."""
