"""From a checkpoint to a release: ONNX graph, engine, parity gate, Triton model repository."""
