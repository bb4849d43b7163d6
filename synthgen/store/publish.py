"""All or nothing: a stage's folder appears complete, by rename, or not at all.

A stage works in `.new-<stage>`, beside the final place and on the same file system. Publishing over an old
result first renames the old one to `.old-<stage>`. A kill between the two renames leaves no `<stage>`;
`recover` then restores the old one at the next start. What is deleted becomes `.gone-<name>` first, so that
a kill leaves no half of it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from pathlib import Path

from synthgen.core.errors import InputError

NEW, OLD, GONE = ".new-", ".old-", ".gone-"
KEYS = ".stage-keys"
"""Beside the runs: which stage of which run has a result with a key, so that others can link it."""


def run_folder(path: Path) -> Path:
    """Makes a run's folder where there is none, and returns it.

    Raises:
        InputError: it cannot be made: a file is in its place, its name is too long, or the folder above may
            not be written to.
    """
    try:
        str(path).encode()
        path.mkdir(parents=True, exist_ok=True)
    except UnicodeEncodeError:
        raise InputError(
            "the name of this run's folder is not UTF-8", repr(str(path)), "give another --run-dir or --runs"
        ) from None
    except OSError as fault:
        if fault.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise InputError(
            f"this run's folder cannot be made: {fault.strerror or fault}",
            str(path),
            "give another --run-dir or --runs, or move what is in its place",
        ) from None
    return path


def staging_folder(run_dir: Path, stage: str) -> Path:
    """Makes an empty folder for a stage's outputs."""
    folder = run_dir / f"{NEW}{stage}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def publish(staging: Path, final: Path) -> None:
    """Makes `staging` the result at `final`, replacing an earlier one."""
    flush_folder(staging)
    old = final.with_name(OLD + final.name)
    shutil.rmtree(old, ignore_errors=True)
    if final.exists():
        os.rename(final, old)
    os.rename(staging, final)
    flush_folder(final.parent)
    shutil.rmtree(old, ignore_errors=True)


def recover(run_dir: Path) -> list[str]:
    """Cleans up what a kill left behind; returns the stages whose old result was restored."""
    restored = []
    for old in sorted(run_dir.glob(f"{OLD}*")):
        final = run_dir / old.name.removeprefix(OLD)
        if final.exists():
            shutil.rmtree(old, ignore_errors=True)
        else:
            os.rename(old, final)
            restored.append(final.name)
    for left in (*run_dir.glob(f"{NEW}*"), *run_dir.glob(f"{GONE}*")):
        _delete(left)
    return restored


def remove(run_dir: Path, path: Path) -> None:
    """Deletes a file or a folder of a run: it vanishes whole, by rename, before its space is freed."""
    aside = path
    if not path.name.startswith(GONE):
        aside = run_dir / f"{GONE}{'-'.join(path.relative_to(run_dir).parts)}"
        _delete(aside)
        os.rename(path, aside)
    _delete(aside)
    if path.parent != run_dir:
        with contextlib.suppress(OSError):
            path.parent.rmdir()  # if that was all that it held


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def flush_folder(folder: Path) -> None:
    """Flushes a folder's entries to disk, so that a rename survives a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError:
        pass  # some network file systems refuse to flush a folder
    finally:
        os.close(handle)


def write_whole(path: Path, content: bytes) -> None:
    """Writes a small file so that readers see the old content or the new, never a part."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    with open(aside, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(aside, path)


def link_folder(source: Path, target: Path, names: list[str]) -> None:
    """Links files of one folder into another, or copies them where hard links are not possible."""
    for name in names:
        place = target / name
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(source / name, place)
        except OSError:
            shutil.copy2(source / name, place)
