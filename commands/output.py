"""Where text goes: standard output, or a file that is either the old one or the whole new one, never half of it."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from pathlib import Path


class UnwritableOutput(OSError):
    """The output cannot be written; the message says why and what to type."""


def write_bytes(data: bytes, target: str) -> None:
    """Write bytes, such as a picture, to a file. **Raises** :class:`UnwritableOutput`."""
    try:
        _write_file(data, Path(os.path.realpath(target)))
    except OSError as error:
        reason = error.strerror or str(error)
        raise UnwritableOutput(f"cannot write {target}: {reason}. Give a file in a folder that exists") from None


def write(text: str, target: str | None) -> None:
    """Write text to a file, or to standard output for None and ``-``. Ends it with one newline.

    **Raises** :class:`UnwritableOutput`.
    """
    text = text.rstrip("\n") + "\n"
    if target is None or target == "-":
        sys.stdout.write(text)
        return
    try:
        _write_file(text.encode(), Path(os.path.realpath(target)))
    except OSError as error:
        reason = error.strerror or str(error)
        raise UnwritableOutput(
            f"cannot write {target}: {reason}. Give a file in a folder that exists: -o FILE"
        ) from None


def _write_file(data: bytes, path: Path) -> None:
    if path.exists() and not stat.S_ISREG(path.stat().st_mode):
        if path.is_dir():
            raise IsADirectoryError(0, "it is a folder")
        path.write_bytes(data)  # a device or a pipe is written to, not replaced
        return
    if path.exists() and not os.access(path, os.W_OK):
        raise PermissionError(0, "Permission denied")  # replacing it would only need rights on its folder
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o666 & ~_umask())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
