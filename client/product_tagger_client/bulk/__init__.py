"""Tags whole files: any catalogue format in; JSONL, CSV or Parquet out; every row once, however often it is stopped."""

from .run import BulkOptions, BulkSummary, tag_file

__all__ = ["BulkOptions", "BulkSummary", "tag_file"]
