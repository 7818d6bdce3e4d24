"""Reads docstrings out of Python source without running it: modules, exports, definitions.

The standard library defines much in private modules and shows it under public names
(`pathlib._local.Path` is `pathlib.Path`, `json.decoder.JSONDecoder` is `json.JSONDecoder`), so
a definition has one origin and any number of public names. `SourceTree` finds both by
following `__all__`, imports and star imports.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
Definition: TypeAlias = Function | ast.ClassDef
Origin: TypeAlias = tuple[str, str]
"""Where something is defined: (module, qualified name inside it)."""


@dataclass
class SourceModule:
    """What one parsed file says about its names; imports map a local name to its source."""

    name: str
    is_package: bool
    doc: str
    definitions: dict[str, Definition] = field(default_factory=dict)
    imports: dict[str, Origin] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)
    exports: list[ast.expr] | None = None

    def absolute(self, node: ast.ImportFrom) -> str:
        """The module that an import statement names, relative ones resolved."""
        if not node.level:
            return node.module or ""
        parts = self.name.split(".")
        kept = parts[: len(parts) - node.level + self.is_package]
        return ".".join([*kept, node.module] if node.module else kept)


def parse_module(name: str, file: Path) -> SourceModule | None:
    """Parse one file; None when it is not valid Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the library's own escape sequences
            tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError, RecursionError):
        return None
    module = SourceModule(name, file.name == "__init__.py", ast.get_docstring(tree) or "")
    for statement in _flattened(tree.body):
        match statement:
            case ast.FunctionDef(name="__getattr__"):
                # a package that imports its submodules on first use
                for node in ast.walk(statement):
                    if isinstance(node, ast.ImportFrom):
                        origin = module.absolute(node)
                        module.imports.update({a.name: (origin, a.name) for a in node.names})
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                known = module.definitions.get(statement.name)
                if known is None or not ast.get_docstring(known, clean=False):
                    module.definitions[statement.name] = statement
            case ast.ImportFrom():
                _read_import(module, statement)
            case ast.Assign(targets=[ast.Name(id=target)], value=value):
                _read_assignment(module, target, value)
            case ast.AugAssign(target=ast.Name(id="__all__"), value=value):
                module.exports = [*(module.exports or []), value]
            case ast.Expr(
                value=ast.Call(
                    func=ast.Attribute(value=ast.Name(id="__all__"), attr=method), args=[value]
                )
            ):
                added = ast.List(elts=[value]) if method == "append" else value
                module.exports = [*(module.exports or []), added]
    return module


def _flattened(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements at module level, those under `if`, `try` and `with` included."""
    for statement in body:
        match statement:
            case ast.If():
                yield from _flattened(statement.body)
                yield from _flattened(statement.orelse)
            case ast.Try():
                # what happens without an error comes first, so that it wins
                yield from _flattened([*statement.body, *statement.orelse])
                for handler in statement.handlers:
                    yield from _flattened(handler.body)
            case ast.With():
                yield from _flattened(statement.body)
            case _:
                yield statement


def _read_import(module: SourceModule, node: ast.ImportFrom) -> None:
    origin = module.absolute(node)
    for alias in node.names:
        if alias.name == "*":
            module.stars.append(origin)
        elif alias.name == "__all__":
            module.exports = [ast.Attribute(value=ast.Name(id=origin), attr="__all__")]
        else:
            module.imports.setdefault(alias.asname or alias.name, (origin, alias.name))


def _read_assignment(module: SourceModule, target: str, value: ast.expr) -> None:
    if target == "__all__":
        module.exports = [value]
    elif isinstance(value, ast.Name):
        module.imports.setdefault(target, (module.name, value.id))


class SourceTree:
    """Parsed modules by name, with names resolved across them."""

    def __init__(self, modules: dict[str, SourceModule]) -> None:
        self.modules = modules
        self._exports: dict[str, list[str] | None] = {}

    def public_names(self, module: SourceModule, above: frozenset[str] = frozenset()) -> list[str]:
        """The names that a module offers: `__all__`, or all without an underscore.

        What a package takes from its own private submodules is offered too.
        above: modules whose names are being asked for already; circles end there.
        """
        listed = self._listed(module.name)
        own = [
            name
            for name, (origin, _) in module.imports.items()
            if origin.startswith((f"{module.name}._", "_")) and not name.startswith("_")
        ]
        if listed is not None:
            from_submodules = [n for n in own if module.imports[n][0].startswith(f"{module.name}.")]
            return list(dict.fromkeys([*listed, *from_submodules]))
        names = [name for name in module.definitions if not name.startswith("_")] + own
        above |= {module.name}
        for star in module.stars:
            if star in self.modules and star not in above:
                names += self.public_names(self.modules[star], above)
        return list(dict.fromkeys(names))

    def resolve(self, module_name: str, name: str, depth: int = 0) -> Origin | None:
        """The origin of a top-level name seen in a module; None when it is not in source."""
        module = self.modules.get(module_name)
        if module is None or depth > 8:
            return None
        if name in module.definitions:
            return (module_name, name)
        if name in module.imports:
            found = self.resolve(*module.imports[name], depth + 1)
            if found is not None:
                return found
        for star in module.stars:
            if star in self.modules and name in self.public_names(self.modules[star]):
                found = self.resolve(star, name, depth + 1)
                if found is not None:
                    return found
        return None

    def definition(self, origin: Origin) -> Definition:
        """The definition of a top-level name."""
        return self.modules[origin[0]].definitions[origin[1]]

    def members(self, origin: Origin) -> Iterator[tuple[str, Definition, str]]:
        """(name, definition, docstring) of the public members that a class itself documents."""
        seen: set[str] = set()
        for member in _flattened(getattr(self.definition(origin), "body", ())):
            if isinstance(member, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                doc = ast.get_docstring(member)
                if doc and not member.name.startswith("_") and member.name not in seen:
                    seen.add(member.name)
                    yield member.name, member, doc

    def bases(self, origin: Origin) -> list[Origin]:
        """The classes that a class inherits from, nearest first, as far as source tells."""
        found: list[Origin] = []
        queue = [origin]
        while queue:
            child = queue.pop(0)
            for base in getattr(self.definition(child), "bases", ()):
                parent = self.resolve(child[0], base.id) if isinstance(base, ast.Name) else None
                if parent is not None and parent != origin and parent not in found:
                    found.append(parent)
                    queue.append(parent)
        return found

    def _listed(self, module_name: str) -> list[str] | None:
        if module_name not in self._exports:
            self._exports[module_name] = None  # ends a circle of modules that quote each other
            module = self.modules[module_name]
            if module.exports is not None:
                parts = [self._names(module, expression) for expression in module.exports]
                known = [part for part in parts if part is not None]
                if known and parts[0] is not None:
                    self._exports[module_name] = [n for part in known for n in part]
        return self._exports[module_name]

    def _names(self, module: SourceModule, expression: ast.expr) -> list[str] | None:
        match expression:
            case ast.List(elts=elements) | ast.Tuple(elts=elements):
                return [
                    e.value
                    for e in elements
                    if isinstance(e, ast.Constant) and isinstance(e.value, str)
                ]
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                sides = self._names(module, left), self._names(module, right)
                return None if None in sides else [*(sides[0] or ()), *(sides[1] or ())]
            case ast.Attribute(value=ast.Name(id=name), attr="__all__"):
                for candidate in (f"{module.name}.{name}", name):
                    if candidate in self.modules and candidate != module.name:
                        return self._listed(candidate)
        return None


def is_private(dotted: str) -> bool:
    """Whether any part of a dotted name starts with an underscore."""
    return any(part.startswith("_") for part in dotted.split("."))


def signature_of(definition: Definition) -> str:
    """The arguments and result as written, or those of a class's `__init__`; may be empty."""
    if isinstance(definition, ast.ClassDef):
        for member in definition.body:
            if isinstance(member, ast.FunctionDef) and member.name == "__init__":
                return f"({ast.unparse(member.args)})"
        return ""
    returned = f" -> {ast.unparse(definition.returns)}" if definition.returns else ""
    return f"({ast.unparse(definition.args)}){returned}"


def is_property(definition: Definition) -> bool:
    """Whether a method is read like an attribute."""
    return any(
        isinstance(d, ast.Name) and d.id in {"property", "cached_property"}
        for d in definition.decorator_list
    )
