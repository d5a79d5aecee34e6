"""The public door: JSON and Open Inference Protocol over HTTP in front of a Triton that only this machine reaches."""
