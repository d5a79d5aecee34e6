"""TensorRT's plan: what is used of TensorRT, its optimization profiles, how it is built, verified and run."""
