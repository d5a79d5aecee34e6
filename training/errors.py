"""What can stop a training run; every message is a sentence with its mend."""


class TrainingError(RuntimeError):
    """Training can't be done; the message says what is wrong, where, and what to do."""
