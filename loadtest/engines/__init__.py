"""The engine benchmark: the TensorRT plan beside PyTorch in FP16 on one GPU, without a server between."""
