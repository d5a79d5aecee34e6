"""NVIDIA's perf_analyzer: fetched, run over both protocols, and its figures beside Triton's own."""
