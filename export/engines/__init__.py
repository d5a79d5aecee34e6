"""The engines, a class each: INT8 in ONNX Runtime, FP16 in TensorRT."""
