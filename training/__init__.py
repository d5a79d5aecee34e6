"""Catalogue → checkpoint: fine-tunes BERT on prepared products, evaluates it and reports."""
