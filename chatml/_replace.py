"""Files put in the place of others: each is there as a whole or not at all."""

from __future__ import annotations

import os
from contextlib import suppress

_NEW = 0o666  # less what the umask takes away
_PERMISSIONS = 0o777  # who may do what; less the bits that lend the owner's rights, as the owner may change


def replace_file(target: str, data: bytes, *, mode: int | None, durable: bool = False) -> None:
    """Put a file with `data` at `target`, with the permissions in `mode` (those of a new file for None).

    What was there stays until all is written; with `durable` also should the machine stop. Raises `OSError` and
    `ValueError`.
    """
    temporary = os.path.join(os.path.dirname(target), f".chatml-{os.urandom(8).hex()}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    descriptor = os.open(temporary, flags, _NEW if mode is None else mode & _PERMISSIONS)
    try:
        with open(descriptor, "wb") as file:
            if mode is not None:
                # what the umask has taken away; by its number where that can be, as a name may be exchanged
                os.chmod(descriptor if os.chmod in os.supports_fd else temporary, mode & _PERMISSIONS)
            file.write(data)
            if durable:
                file.flush()
                os.fsync(descriptor)
        os.replace(temporary, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
