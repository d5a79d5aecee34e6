"""The steps of training, a module each: the fine-tuned model, the checkpoint, its figures, the baseline's, the report.

Each module has the step's inputs, so that its stamp says from what it was made, and what makes its output. A module
imports only what its own step needs: the code that it imports is one of the step's inputs.
"""
