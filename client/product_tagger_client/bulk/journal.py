"""What a run over a file has got done, on disk: the part of it that survives anything.

The journal is one file of lines. The first says which run it belongs to. Each further line holds the answers to one
request, in the order of the input, and begins with the number of rows in all lines before it. A line counts when it
is whole and its number fits; whatever follows the last such line was cut off in mid-writing and is thrown away. So a
run can end at any moment and go on at the row behind the last finished request, with no row lost and none twice.
"""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

try:
    import fcntl
except ImportError:  # on Windows
    fcntl = None  # type: ignore[assignment]

from ..errors import BulkError

_FORMAT = 1
_SYNC_SECONDS = 1.0
_DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

# [line, id, category or null, score, [[tag, score], …], truncated], or of a refused row [line, id, reason].
Entry = Sequence[Any]


class JournalError(BulkError):
    """What was done cannot be written down."""


class RunLock:
    """Holds the folder of a run, so that two runs never write the same output. Freed with the process, however it ends.

    Raises:
        BulkError: Another process holds it, the folder cannot be made, or this is Windows.
    """

    def __init__(self, output: Path) -> None:
        self.folder = output.with_name(output.name + ".tagging")
        self._path = self.folder / "lock"
        if fcntl is None:
            raise BulkError("whole files are tagged on Linux and macOS only; on Windows, run it in WSL")
        while True:
            try:
                self.folder.mkdir(exist_ok=True)
                self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
            except FileNotFoundError as error:
                if not output.parent.is_dir():
                    message = f"the folder {output.parent} of the output does not exist; create it first"
                    raise BulkError(message) from error
                continue  # the run that held it has just finished and removed it
            except OSError as error:
                raise BulkError(f"{self.folder} cannot be written: {error.strerror or error}") from error
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                owner = os.pread(self._file, 20, 0).decode("ascii", "replace").strip()
                os.close(self._file)
                raise BulkError(
                    f"another run{f' (process {owner})' if owner else ''} is writing {output}; "
                    "wait for it, or choose another output"
                ) from None
            if self._still_there():
                break
            os.close(self._file)
        try:
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)
        except OSError:
            pass  # only for the message to a second run; a full disk is told where it matters

    def _still_there(self) -> bool:
        """Whether the locked file is still the one a second run would find."""
        try:
            return os.fstat(self._file).st_ino == self._path.stat().st_ino
        except FileNotFoundError:
            return False

    def remove_folder(self) -> None:
        """Removes what a finished run needs no more; the lock goes last."""
        for name in self.folder.iterdir():
            if name != self._path:
                name.unlink()
        self._path.unlink()
        with suppress(OSError):  # the next run may be in it already
            self.folder.rmdir()

    def free(self) -> None:
        """Lets others in. A folder with nothing but the lock goes away, so that a refused run leaves nothing."""
        try:
            if self._still_there() and [entry.name for entry in self.folder.iterdir()] == ["lock"]:
                self.remove_folder()
        finally:
            os.close(self._file)


class Journal:
    """The journal of one run, open at its end.

    Args:
        path: The file; created when it is not there.
        identity: What the run is about, in JSON's types; a journal of another identity is refused.

    Raises:
        BulkError: It belongs to another run, or cannot be written.
    """

    def __init__(self, path: Path, identity: Mapping[str, Any]) -> None:
        self.path = path
        self.rows = 0
        self.rejected = 0
        self._synced = time.monotonic()
        self._size = 0
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise BulkError(f"{path} cannot be written: {error.strerror or error}") from error
        try:
            header = {"journal": _FORMAT, **identity}
            self._recover(header)
            if self._size == 0:
                self._write(json.dumps(header, ensure_ascii=True).encode() + b"\n")
                self.sync()
        except BaseException:
            os.close(self._file)
            raise

    def append(self, entries: Sequence[Entry]) -> None:
        """Adds the outcome of one request.

        Raises:
            BulkError: It cannot be written; the journal is as it was before.
        """
        line = json.dumps([self.rows, entries], ensure_ascii=True, separators=(",", ":"))
        self._write(line.encode() + b"\n")
        self.rows += len(entries)
        self.rejected += sum(len(entry) == 3 for entry in entries)
        if time.monotonic() - self._synced >= _SYNC_SECONDS:
            self.sync()

    def entries(self) -> Iterator[Entry]:
        """Everything noted so far, in the order of the input."""
        with self.path.open("rb") as stream:
            stream.readline()
            for line in stream:
                yield from json.loads(line)[1]

    def sync(self) -> None:
        """Makes sure that what was noted survives even a loss of power."""
        try:
            os.fsync(self._file)
        except OSError as error:
            raise self._cannot_write(error) from error
        self._synced = time.monotonic()

    def close(self) -> None:
        """Closes the file; what was noted stays."""
        os.close(self._file)

    def _recover(self, header: Mapping[str, Any]) -> None:
        """Finds the end of what counts, and cuts off what doesn't."""
        with self.path.open("rb") as stream:
            first = _whole_line(stream.readline())
            if isinstance(first, dict):
                self._require_same(first, header)
                self._size = stream.tell()
                for raw in stream:
                    line = _whole_line(raw)
                    if not isinstance(line, list) or len(line) != 2 or line[0] != self.rows:
                        break
                    self.rows += len(line[1])
                    self.rejected += sum(len(entry) == 3 for entry in line[1])
                    self._size += len(raw)
        os.ftruncate(self._file, self._size)

    def _require_same(self, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
        for key in sorted({*found, *wanted}):
            if found.get(key) != wanted.get(key):
                raise BulkError(
                    f"{self.path.parent} holds an unfinished run that this one cannot go on with: its {key} was "
                    f"{json.dumps(found.get(key))} and is now {json.dumps(wanted.get(key))}; give --restart to begin "
                    "again from the first row, or choose another output"
                )

    def _write(self, data: bytes) -> None:
        done = 0
        try:
            while done < len(data):
                done += os.pwrite(self._file, data[done:], self._size + done)
        except OSError as error:
            os.ftruncate(self._file, self._size)
            raise self._cannot_write(error) from error
        self._size += len(data)

    def _cannot_write(self, error: OSError) -> JournalError:
        return cannot_write(self.path, error, self.rows)


def cannot_write(path: Path, error: OSError, rows: int) -> JournalError:
    """The exception for a failed write: which file, why, and that the finished rows are kept."""
    reason = "the disk is full" if error.errno in _DISK_FULL else (error.strerror or str(error))
    mend = "free some space and" if error.errno in _DISK_FULL else "mend that and"
    return JournalError(f"{path} cannot be written: {reason}; {rows:,} finished rows are kept: {mend} run it again")


def _whole_line(raw: bytes) -> Any:
    if not raw.endswith(b"\n"):
        return None
    try:
        return json.loads(raw)
    except ValueError:
        return None
