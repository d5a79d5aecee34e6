"""What every stage shares: errors, digests, stamps, locks, the entry of commands, outputs that appear as a whole."""

from steps.commands import INTERRUPTED, run_command
from steps.digests import code_digest, directory_digest, directory_files, file_digest, files_digest
from steps.disk import disk_errors
from steps.errors import Busy, DiskError, ProductTaggerError
from steps.locks import locked
from steps.outputs import scratch_folder, staged_directory, staged_file
from steps.stamps import STAMP, Step, changed, versions

__all__ = [
    "INTERRUPTED",
    "STAMP",
    "Busy",
    "DiskError",
    "ProductTaggerError",
    "Step",
    "changed",
    "code_digest",
    "directory_digest",
    "directory_files",
    "disk_errors",
    "file_digest",
    "files_digest",
    "locked",
    "run_command",
    "scratch_folder",
    "staged_directory",
    "staged_file",
    "versions",
]
