"""Folders for what can always be made anew: kept where that is allowed, else in a temporary folder.

Not here: what is kept (``kept_tables.py``, ``envs.compiled``).
"""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

HOME_VARIABLE = "LIGHTLOOP_HOME"


def cache_folder(name: str) -> Path:
    """Where a cache is kept: in the installation, else in the user's own cache, else in a temporary folder.

    The installation is the folder that ``LIGHTLOOP_HOME`` names, where it is there; the user's cache is
    ``XDG_CACHE_HOME`` or ``~/.cache``; a user without a home, as in a container, has none. The folder that is
    returned is there and can be written to.

    Raises:
        OSError: nothing can be written anywhere, not even in the temporary folder.
    """
    home = os.environ.get(HOME_VARIABLE)
    if home and Path(home).is_dir():
        folder = Path(home) / "state" / name
    else:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "lightloop" / name
    if folder.is_absolute() and may_write(folder):
        return folder
    return temporary_folder(f"lightloop-{name}")


def may_write(folder: Path) -> bool:
    """Whether files can be made in a folder, which is made where it is missing."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def temporary_folder(name: str) -> Path:
    """A folder of this user in the temporary one; another process of the user finds it again.

    Somebody else could have made it first, with content of his own: then this process gets one to itself.

    Raises:
        OSError: the temporary folder cannot be written to either.
    """
    folder = Path(tempfile.gettempdir()) / f"{name}-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return Path(tempfile.mkdtemp(prefix=f"{name}-"))
    ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077
    return folder if ours else Path(tempfile.mkdtemp(prefix=f"{name}-"))
