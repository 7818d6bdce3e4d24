"""Real documents that are on every machine: the docstrings of Python's standard library.

Python source is parsed, not imported; what is written in C is read from a fixed list of
modules whose import does nothing else. Each thing appears once, under the shortest public name
that the library gives it: `os.listdir`, `datetime.datetime.strptime`, `json.JSONDecoder`.
Built-ins have no prefix: `str.split`, `print`.
"""

from __future__ import annotations

import ast
import builtins
import gc
import importlib
import inspect
import os
import re
import sys
import sysconfig
import types
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rank_retrieve.cli.demo_source import (
    Definition,
    Origin,
    SourceModule,
    SourceTree,
    is_private,
    is_property,
    parse_module,
    signature_of,
)

# jokes and programs, tests, what newer versions have dropped, installers, generated tables
SKIPPED = frozenset(
    {"antigravity", "this", "idlelib", "turtledemo", "test", "tests", "idle_test", "lib2to3"}
    | {"distutils", "ensurepip", "pydoc_data", "__phello__", "__main__", "__pycache__"}
    | {"site-packages", "dist-packages", "lib-dynload"}
)
# what is public under a better name
HIDDEN = frozenset(
    {"posixpath", "ntpath", "genericpath", "nturl2path", "sre_compile", "sre_parse"}
    | {"sre_constants", "socket.SocketType"}
)
PUBLIC_NAMES = {os.path.__name__: "os.path", "_collections_abc": "collections.abc"}
# importing these has no side effect; what is missing from a build is left out
WRITTEN_IN_C = (
    *("builtins", "array", "atexit", "binascii", "bisect", "bz2", "cmath", "codecs"),
    *("collections", "contextvars", "csv", "datetime", "decimal", "errno", "faulthandler"),
    *("fcntl", "functools", "gc", "grp", "hashlib", "heapq", "hmac", "io", "itertools", "locale"),
    *(
        "lzma",
        "marshal",
        "math",
        "mmap",
        "multiprocessing",
        "operator",
        "os",
        "os.path",
        "pickle",
        "pwd",
    ),
    *(
        "queue",
        "random",
        "re",
        "readline",
        "resource",
        "secrets",
        "select",
        "signal",
        "socket",
        "sqlite3",
    ),
    *("ssl", "statistics", "struct", "symtable", "sys", "syslog", "termios", "threading"),
    *("time", "tracemalloc", "types", "unicodedata", "uuid", "warnings", "weakref"),
    *("xml.parsers.expat", "zlib", "zoneinfo"),
)


_WORD_BORDER = re.compile(r"[._]+|(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


@dataclass(frozen=True)
class _Entry:
    """One documented thing, before its public name is known."""

    kind: str
    text: str
    signature: Callable[[], str]
    names: set[str] = field(default_factory=set)


def collect(progress: Callable[[int, int], None] | None = None) -> list[dict[str, Any]]:
    """Documents, ascending by id.

        id, title   the qualified name: os.path.getsize, unittest.TestCase.assertRaises
        name        the same in words, for searching: "unittest Test Case assert Raises"
        text        the docstring
        context     the first paragraph of the module's docstring
        signature, module, kind

    progress: called as progress(modules_done, modules_in_all).
    kind: "module", "class", "function", "method" or "property".
    """
    files = dict(_source_files(Path(sysconfig.get_path("stdlib"))))
    total = len(files) + len(WRITTEN_IN_C)
    modules: dict[str, SourceModule] = {}
    with _garbage_collection_paused():
        for done, (name, file) in enumerate(files.items()):
            parsed = parse_module(name, file)
            if parsed is not None:
                modules[name] = parsed
            if progress is not None:
                progress(done + 1, total)
        collector = _Collector(SourceTree(modules))
        collector.add_source()
        for done, name in enumerate(WRITTEN_IN_C, start=len(files)):
            collector.add_imported(name)
            if progress is not None:
                progress(done + 1, total)
        return collector.documents()


@contextmanager
def _garbage_collection_paused() -> Iterator[None]:
    # millions of syntax nodes without a cycle: the collector takes 4 of 5 seconds to see that
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _source_files(root: Path) -> Iterator[tuple[str, Path]]:
    """(module name, file), in order of the names' parts; packages before their modules."""
    for path in sorted(root.iterdir()) if root.is_dir() else ():
        if path.suffix == ".py" and path.stem in sys.stdlib_module_names - SKIPPED:
            yield path.stem, path
        elif path.name in sys.stdlib_module_names - SKIPPED and (path / "__init__.py").is_file():
            yield from _package_files(path, path.name)


def _package_files(folder: Path, name: str) -> Iterator[tuple[str, Path]]:
    yield name, folder / "__init__.py"
    if name == "encodings":
        return  # one generated table per character set
    for path in sorted(folder.iterdir()):
        if path.name in SKIPPED or path.stem in SKIPPED:
            continue
        if path.suffix == ".py" and path.stem != "__init__":
            yield f"{name}.{path.stem}", path
        elif (path / "__init__.py").is_file():
            yield from _package_files(path, f"{name}.{path.name}")


class _Collector:
    """Gathers entries by origin, so that a thing with several names becomes one document."""

    def __init__(self, tree: SourceTree) -> None:
        self._tree = tree
        self._modules: dict[str, str] = {}
        self._tops: dict[Origin, _Entry] = {}
        self._members: dict[Origin, dict[str, _Entry]] = {}
        self._bases: dict[Origin, list[Origin]] = {}

    def add_source(self) -> None:
        """Everything public that the parsed modules define or pass on."""
        for name, module in self._tree.modules.items():
            public = PUBLIC_NAMES.get(name, name)
            if is_private(public) or public in HIDDEN:
                continue
            if module.doc:
                self._modules[public] = module.doc
            for exported in self._tree.public_names(module):
                origin = self._tree.resolve(name, exported)
                if origin is not None and not exported.startswith("_"):
                    if origin not in self._tops:
                        self._add_definition(origin)
                    self._tops[origin].names.add(f"{public}.{exported}")

    def _add_definition(self, origin: Origin) -> None:
        node = self._tree.definition(origin)
        self._tops[origin] = _source_entry(node, _docstring(node), top=True)
        if isinstance(node, ast.ClassDef):
            self._bases[origin] = self._tree.bases(origin)
            for owner in [origin, *self._bases[origin]]:
                if owner not in self._members:
                    self._members[owner] = {
                        member: _source_entry(inner, doc, top=False)
                        for member, inner, doc in self._tree.members(owner)
                    }

    def add_imported(self, name: str) -> None:
        """What is public in an imported module and was not found in source."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                module = importlib.import_module(name)
        except ImportError:  # not every build and platform has each of them
            return
        text = inspect.getdoc(module)
        if text:
            self._modules.setdefault(name, text)
        prefix = "" if module is builtins else f"{name}."
        for exported in sorted(set(getattr(module, "__all__", ())) | set(_own_names(module))):
            thing = _member(module, exported)
            visible = not exported.startswith("_") and prefix + exported not in HIDDEN
            if visible and (inspect.isclass(thing) or inspect.isroutine(thing)):
                self._add_object(thing, prefix + exported)

    def _add_object(self, thing: Any, name: str) -> None:
        function = getattr(thing, "__func__", thing)
        origin = _object_origin(function)
        owner, _, member = origin[1].rpartition(".")
        if inspect.ismethod(thing) and (origin[0], owner) in self._members:
            # random.choice is the method of a hidden instance: the short name is the public one
            entry = self._members[origin[0], owner].pop(member, None)
            if entry is not None:
                self._tops[origin] = _Entry("function", entry.text, entry.signature)
        if origin not in self._tops or not self._tops[origin].text:
            known = self._tops[origin].names if origin in self._tops else set()
            kind = "class" if inspect.isclass(thing) else "function"
            text = inspect.getdoc(thing) or ""
            self._tops[origin] = _Entry(kind, text, _bound(_signature, thing), known)
        self._tops[origin].names.add(name)
        if inspect.isclass(thing):
            hidden = [base for base in thing.__mro__[1:] if base.__module__.startswith("_")]
            bases = self._bases.setdefault(origin, [])
            for base in [thing, *hidden]:
                base_origin = _object_origin(base)
                members = self._members.setdefault(base_origin, {})
                for member, entry in _object_members(base):
                    members.setdefault(member, entry)
                if base is not thing and base_origin not in bases:
                    bases.append(base_origin)

    def documents(self) -> list[dict[str, Any]]:
        """One document per thing with a docstring, ascending by id."""
        found: dict[str, dict[str, Any]] = {}

        def add(name: str, module: str, entry: _Entry) -> None:
            # a lone surrogate in an example cannot be stored as UTF-8
            text = entry.text.encode("utf-8", "replace").decode("utf-8")
            if text.strip() and name not in found:
                found[name] = {
                    "id": name,
                    "title": name,
                    "name": " ".join(_WORD_BORDER.split(name)),
                    "text": text,
                    "context": "",
                    "signature": entry.signature(),
                    "module": module,
                    "kind": entry.kind,
                }

        for name, text in self._modules.items():
            add(name, name, _Entry("module", text, str))
        names = {origin: _shortest(origin, entry.names) for origin, entry in self._tops.items()}
        heirs = self._heirs(names)
        for origin, entry in self._tops.items():
            name = names[origin]
            module = name.rpartition(".")[0] or "builtins"
            add(name, module, entry)
            for owner in [origin, *heirs.get(origin, ())]:
                for member, inner in self._members.get(owner, {}).items():
                    add(f"{name}.{member}", module, inner)
        for document in found.values():
            above = found.get(document["module"], document)
            if above is not document:
                document["context"] = above["text"].strip().split("\n\n")[0]
        return [found[name] for name in sorted(found)]

    def _heirs(self, names: dict[Origin, str]) -> dict[Origin, list[Origin]]:
        """For each public class the hidden bases whose members appear under its name.

        A hidden base goes to the one public class that is nearest to it.
        """
        nearest: dict[Origin, tuple[int, str, Origin]] = {}
        for origin, bases in self._bases.items():
            for distance, base in enumerate(bases):
                if base not in self._tops:
                    claim = (distance, names[origin], origin)
                    nearest[base] = min(claim, nearest.get(base, claim))
        heirs: dict[Origin, list[Origin]] = {}
        for base, (_, _, origin) in sorted(nearest.items(), key=lambda item: item[1][0]):
            heirs.setdefault(origin, []).append(base)
        return heirs


def _shortest(origin: Origin, names: set[str]) -> str:
    """The name with the fewest dots; of several the one that it was defined with."""
    own = origin[1].rpartition(".")[2]
    return min(
        names,
        key=lambda name: (name.count("."), name.rpartition(".")[2] != own, len(name), name),
    )


def _object_origin(thing: Any) -> Origin:
    return (getattr(thing, "__module__", None) or "", thing.__qualname__)


def _docstring(node: Definition) -> str:
    """A class's own docstring, or that of its `__init__`."""
    text = ast.get_docstring(node)
    if text is None and isinstance(node, ast.ClassDef):
        for member in node.body:
            if isinstance(member, ast.FunctionDef) and member.name == "__init__":
                text = ast.get_docstring(member)
    return text or ""


def _source_entry(node: Definition, text: str, *, top: bool) -> _Entry:
    if isinstance(node, ast.ClassDef):
        kind = "class"
    elif top:
        kind = "function"
    else:
        kind = "property" if is_property(node) else "method"
    return _Entry(kind, text, lambda: "" if kind == "property" else signature_of(node))


def _object_members(owner: type) -> Iterator[tuple[str, _Entry]]:
    for name in sorted(vars(owner)):
        member = getattr(owner, name, None)
        if name.startswith("_") or not (
            inspect.isroutine(member) or inspect.isdatadescriptor(member)
        ):
            continue
        kind = "method" if inspect.isroutine(member) else "property"
        signature = _signature if kind == "method" else _no_signature
        yield name, _Entry(kind, inspect.getdoc(member) or "", _bound(signature, member))


def _bound(function: Callable[[Any], str], argument: Any) -> Callable[[], str]:
    return lambda: function(argument)


def _no_signature(_: Any) -> str:
    return ""


def _signature(thing: Any) -> str:
    if inspect.isfunction(thing) or inspect.ismethod(thing):
        return str(inspect.signature(thing))
    text = getattr(thing, "__text_signature__", None)  # many functions written in C tell none
    return re.sub(r"\$\w+(, /)?(, )?", "", text) if isinstance(text, str) else ""


def _member(module: types.ModuleType, name: str) -> Any:
    """What a module has under a name; of a replaced hook, such as sys.excepthook, the original."""
    original = vars(module).get(f"__{name}__")
    return original if inspect.isbuiltin(original) else getattr(module, name, None)


def _own_names(module: types.ModuleType) -> Iterator[str]:
    """Public names of a module without `__all__` that are its own or come from its C half."""
    if hasattr(module, "__all__"):
        return
    for name in list(vars(module)):
        thing = _member(module, name)
        origin = getattr(thing, "__module__", None) or module.__name__
        if module is builtins:
            origin = "builtins"  # open says that it is of io
        if not name.startswith("_") and (
            origin in {module.__name__, "builtins"} or origin.startswith("_")
        ):
            yield name
