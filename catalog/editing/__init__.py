"""Edits of a taxonomy from the command line."""
