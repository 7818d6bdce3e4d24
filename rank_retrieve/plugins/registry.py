"""Retrievers by name: our own and those of any installed package.

A package adds its own by an entry point of group "rank_retrieve.retrievers":

    [project.entry-points."rank_retrieve.retrievers"]
    mine = "my_package:MyRetriever"

The name is that of the file it is saved in, `mine.segment` (`save_retriever` writes it), so that
`open_retriever` finds the class again.
"""

from __future__ import annotations

import os
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from rank_retrieve.errors import InvalidArgument, NotFound
from rank_retrieve.persistence.directory import Directory, FSDirectory

GROUP = "rank_retrieve.retrievers"
SUFFIX = ".segment"


def names() -> list[str]:
    """The names of all retrievers that installed packages offer, ascending."""
    return sorted(_found())


def retriever_class(name: str) -> Any:
    """The class behind a name. Raises NotFound; ImportError where its package is broken."""
    found = _found()
    if name not in found:
        raise NotFound("retriever", name, f"installed are {', '.join(sorted(found))}")
    return found[name].load()


def open_retriever(path: str | os.PathLike[str] | Directory, name: str | None = None) -> Any:
    """Open what some retriever saved, whichever it was.

    name: of the retriever; needed where several were saved into one directory.
    Raises NotFound where there is none, InvalidArgument where there are several and no name, and
    what the `open` of its class raises.
    """
    directory = path if isinstance(path, Directory) else FSDirectory(path, create=False)
    found = _found()
    saved = sorted(
        entry.removesuffix(SUFFIX)
        for entry in directory.list()
        if entry.endswith(SUFFIX) and entry.removesuffix(SUFFIX) in found
    )
    wanted = [name] if name is not None else saved
    if not wanted or wanted[0] not in saved:
        raise NotFound("saved retriever", name or directory.path, f"there are {saved}")
    if len(wanted) > 1:
        raise InvalidArgument(
            "path", directory.path, f"holds several retrievers: {saved}", "name one"
        )
    return found[wanted[0]].load().open(directory)


def _found() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}
