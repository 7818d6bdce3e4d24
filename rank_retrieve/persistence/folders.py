"""Folders below and beside a `Directory`: where checkpoints live, and how a new one appears whole.

A directory's own name space is flat and ignores folders, so what is in them is out of its
reach. They are opened relative to their parent's descriptor and never through a link. These are
the system calls behind the methods of `Nesting` that `FSDirectory` has.
"""

from __future__ import annotations

import errno
import itertools
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rank_retrieve.errors import AlreadyExists, InvalidArgument, NotFound
from rank_retrieve.persistence.directory import Directory, FSDirectory, check_name, names_in

LINKS_REFUSED = (
    errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EACCES,
)  # fmt: skip
CHUNK_BYTES = 1 << 20

_counter = itertools.count(1)


def open_folder(parent: FSDirectory, name: str, *, create: bool = False) -> FSDirectory:
    """A folder inside `parent`; made, durably, when `create` says so. Raises NotFound."""
    if create:
        with suppress(FileExistsError):
            os.mkdir(check_name(name), 0o755, dir_fd=parent.fileno())
        parent.sync_directory()
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        fd = os.open(check_name(name), flags, dir_fd=parent.fileno())
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound("folder", name) from None
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EMLINK):
            raise NotFound("folder", name, "a link of that name is ignored") from None
        raise
    return FSDirectory.of_descriptor(fd, Path(parent.path) / name, read_only=parent.read_only)


def list_folders(parent: FSDirectory) -> list[str]:
    """The names of the folders inside `parent`, sorted; links are left out."""
    return names_in(parent.fileno(), lambda entry: entry.is_dir(follow_symlinks=False))


def remove_folder(parent: FSDirectory, name: str) -> None:
    """Remove an empty folder, durably. Raises NotFound, OSError when something is in it."""
    try:
        os.rmdir(check_name(name), dir_fd=parent.fileno())
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound("folder", name) from None
    parent.sync_directory()


def link(source: FSDirectory, target: FSDirectory, name: str) -> bool:
    """Give a file of `source` the same name in `target`, sharing its bytes; whether it worked.

    False where there are no hard links between the two; the name is durable after
    `target.sync_directory()`. Raises NotFound, AlreadyExists.
    """
    check_name(name)
    try:
        os.link(
            name,
            name,
            src_dir_fd=source.fileno(),
            dst_dir_fd=target.fileno(),
            follow_symlinks=False,
        )
    except FileNotFoundError:
        raise NotFound("file", name) from None
    except FileExistsError:
        raise AlreadyExists("file", name) from None
    except OSError as error:
        if error.errno in LINKS_REFUSED:
            return False
        raise
    return True


def write_file(target: Directory, name: str, contents: memoryview) -> None:
    """A new file with these bytes, synced; its name is durable after `sync_directory`."""
    output = target.create(name)
    try:
        for start in range(0, len(contents), CHUNK_BYTES):
            output.write(contents[start : start + CHUNK_BYTES])
        output.sync()
    finally:
        output.close()


@contextmanager
def new_folder(target: str | os.PathLike[str]) -> Iterator[FSDirectory]:
    """A folder that gets its name when the block has ended well, and else was never there.

    The block fills a folder beside `target` under another name. Raises InvalidArgument when
    there is something at `target` other than an empty folder.
    """
    path = Path(target).absolute()
    check_absent(path)
    temporary = path.with_name(f"{path.name[:90]}.{os.getpid()}-{next(_counter)}.partial")
    directory = FSDirectory(temporary, create=True)
    try:
        yield directory
        directory.sync_directory()
        check_absent(path)
        # replaces an empty folder and nothing else
        os.rename(temporary, path)  # noqa: PTH104
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    finally:
        directory.close()
    parent = FSDirectory(path.parent)
    try:
        parent.sync_directory()
    finally:
        parent.close()


def check_absent(path: Path) -> None:
    """Raises InvalidArgument when there is something other than an empty folder."""
    if os.path.lexists(path) and (path.is_symlink() or not path.is_dir() or any(path.iterdir())):
        raise InvalidArgument(
            "target", os.fspath(path), "is there already", "choose a new or empty directory"
        )
