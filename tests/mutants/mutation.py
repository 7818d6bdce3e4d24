"""Takes one site out of the running package.

The function with the site gets the code object of its mutated source, in place: whoever imported
it sees the change, nothing is loaded again, and `undo` has it as before.
"""

import ast
import functools
import importlib
import types
from collections.abc import Callable, Iterator
from typing import Any

from tests.mutants.sites import MANAGED, path_of, sites_in, terminal

STAND_INS = "tests.mutants.stand_ins"


def mutate(name: str) -> Callable[[], None]:
    """Take out the site of this name; the function that puts it back."""
    module, qualified, _, _ = name.split(":")
    code = mutated_code(name)
    function = _function(importlib.import_module(f"rank_retrieve.{module}"), qualified)
    before = function.__code__
    function.__code__ = code

    def undo() -> None:
        function.__code__ = before

    return undo


def mutated_code(name: str) -> types.CodeType:
    """The code of the outermost function around a site, without the site."""
    module, qualified, _, _ = name.split(":")
    path = path_of(module)
    compiled = compile(without(name, ast.parse(path.read_text())), str(path), "exec")
    codes = [code for code in _codes(compiled) if code.co_qualname == qualified]
    assert codes, f"{name}: no function"
    return codes[-1]  # overloads come before it


def without(name: str, tree: ast.Module, checks: frozenset[str] | None = None) -> ast.Module:
    """The tree of the site's module, without the site; see `sites_in`."""
    module, _, kind, _ = name.split(":")
    found = [node for site, node in sites_in(module, tree, checks) if site.name == name]
    if len(found) != 1:
        raise LookupError(f"{name}: there are {len(found)} such sites")
    changed = _Replace(found[0], kind).visit(tree)
    assert isinstance(changed, ast.Module)
    return ast.fix_missing_locations(changed)


class _Replace(ast.NodeTransformer):
    def __init__(self, target: ast.AST, kind: str) -> None:
        self.target, self.kind = target, kind

    def visit(self, node: ast.AST) -> Any:
        if node is self.target:
            return ast.copy_location(_instead(node, self.kind), node)
        if isinstance(node, ast.With) and self.target in node.items:
            return _without_lock(node, self.target)
        return self.generic_visit(node)


def _instead(node: ast.AST, kind: str) -> ast.AST:
    if kind == "check":
        return ast.Pass()
    if kind == "bound":
        assert isinstance(node, ast.If)
        node.test = ast.Constant(False)
        return node
    if kind == "crc":
        assert isinstance(node, ast.Compare)
        return ast.Constant(isinstance(node.ops[0], ast.Eq))
    return ast.Constant(None) if kind == "sync" else _stand_in("NoLock")


def _without_lock(node: ast.With, item: ast.AST) -> ast.stmt:
    assert isinstance(item, ast.withitem)
    checks_only = all(isinstance(statement, ast.Pass) for statement in node.body)
    plain = isinstance(item.context_expr, ast.Attribute) and not item.optional_vars
    if not checks_only and (not plain or MANAGED.search(terminal(item.context_expr))):
        item.context_expr = _stand_in("released", item.context_expr)
        return node
    node.items.remove(item)
    if node.items:
        return node
    return ast.copy_location(ast.If(ast.Constant(True), node.body, []), node)


def _stand_in(name: str, *arguments: ast.expr) -> ast.Call:
    module = ast.parse(f"__import__({STAND_INS!r}, fromlist=['x']).{name}", mode="eval").body
    return ast.Call(module, list(arguments), [])


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield constant
            yield from _codes(constant)


def _function(holder: Any, qualified: str) -> types.FunctionType:
    for part in qualified.split("."):
        holder = vars(holder)[part]
    while not isinstance(holder, types.FunctionType) or hasattr(holder, "__wrapped__"):
        if isinstance(holder, property):
            holder = holder.fget
        elif isinstance(holder, functools.cached_property):
            holder = holder.func
        else:
            holder = holder.__wrapped__ if hasattr(holder, "__wrapped__") else holder.__func__
    return holder
