"""The container: its image, and the stages for GPUs run in it."""
