"""`python -m loadtest.large`: how much memory and time a large catalogue takes, from the file to the checkpoint."""
