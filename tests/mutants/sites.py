"""Where the package syncs, checks what it reads and takes locks, found in its syntax trees.

    kind    what it is                                        what the mutant does instead
    sync    a call of anything named sync, fsync, fdatasync   nothing
    crc     == or != with a checksum, digest or fingerprint   agrees always
    check   a call whose only purpose is such a comparison    nothing
    lock    a `with` block under a lock                       the block without the lock
    take    a call of `lock` or `acquire`                     says that it was given
    bound   an `if`, not with a checksum, where bytes are     goes on
            read, that raises CorruptionError, or in the
            log's scan says 0 or False: nothing there

A site is named `module:function:kind:number`; numbers count from 1 within a function, so that names
survive changes elsewhere. Kernels are left out: they know of no files and no threads.
"""

import ast
import functools
import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

import rank_retrieve

ROOT = Path(rank_retrieve.__file__).parent
KINDS = ("sync", "crc", "check", "lock", "take", "bound")

SYNC = re.compile(r"(\A|_)f?(data)?sync(_|\Z)")
SUM = re.compile(r"crc|checksum|digest|fingerprint|sha256|blake2")
LOCK = re.compile(r"lock(ed)?(_for)?\Z|mutex|one_at_a_time|condition|\Alead\Z|patiently|\Apaused\Z")
TAKE = re.compile(r"\A(try)?_?lock\Z|\Aacquire\Z")
BOUNDED = (  # where bytes are read that anyone may have written
    "codecs.",
    "collection.arrays",
    "collection.batch",
    "collection.documents",
    "collection.ids",
    "collection.live",
    "collection.segment",
    "lexical.deleted",
    "lexical.inverted_index",
    "lexical.positions",
    "persistence.",
)
SCAN = "persistence.wal_frames"
CHECKS_OF = {"check": "settings"}  # this name has other uses
LOCK_TYPES = ("Lock", "RLock", "Condition", "Semaphore", "BoundedSemaphore")
MANAGED = re.compile(
    r"locked|\Alead\Z|patiently|\Apaused\Z"
)  # more than a lock: they check, or give a value


@dataclass(frozen=True)
class Site:
    """module: dotted, below the package. function: its qualified name. node: what is replaced."""

    module: str
    function: str
    kind: str
    number: int
    line: int

    @property
    def name(self) -> str:
        return f"{self.module}:{self.function}:{self.kind}:{self.number}"


def modules() -> list[str]:
    """All modules that are looked at, below the package."""
    paths = sorted(ROOT.rglob("*.py"))
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in paths]
    return [
        name for name in names if not name.startswith("testing.") and not name.endswith("_kernels")
    ]


def path_of(module: str) -> Path:
    """The source of a module."""
    return ROOT / f"{module.replace('.', '/')}.py"


@functools.cache
def _parsed(module: str) -> ast.Module:
    return ast.parse(path_of(module).read_text())


def all_sites() -> list[Site]:
    """Every site of the package, by module and line."""
    checks = _public_checks()
    return [site for module in modules() for site, _ in sites_in(module, _parsed(module), checks)]


def sites_in(
    module: str, tree: ast.Module, checks: frozenset[str] | None = None
) -> Iterator[tuple[Site, ast.AST]]:
    """The sites of a module, each with its node; `with` items stand for their block."""
    checks = (_public_checks() if checks is None else checks) | frozenset(
        name for name in _checks_in(tree) if name.startswith("_")
    )
    for function, qualified in functions_in(tree):
        numbers = dict.fromkeys(KINDS, 0)
        sums, locks = _held_in(function, SUM), _held_in(function, LOCK) | _lock_names()
        for node in own_nodes(function):
            kind = _kind(node, sums, checks, locks)
            if not kind and _is_bound(node, sums, module):
                kind = "bound"
            if kind:
                numbers[kind] += 1
                line = getattr(node, "lineno", 0) or node.context_expr.lineno  # type: ignore[attr-defined]
                yield Site(module, qualified, kind, numbers[kind], line), node


def functions_in(
    tree: ast.AST, prefix: str = ""
) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, str]]:
    """Outermost functions and methods, with their qualified names."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node, prefix + node.name
        elif isinstance(node, ast.ClassDef):
            yield from functions_in(node, f"{prefix}{node.name}.")
        elif isinstance(node, ast.If | ast.Try):
            yield from functions_in(node, prefix)


def own_nodes(function: ast.AST) -> list[ast.AST]:
    """The nodes of a function in the order of the source, those of nested functions included."""
    found: list[ast.AST] = []
    pending = [function]
    while pending:
        node = pending.pop()
        found.append(node)
        pending.extend(reversed(list(ast.iter_child_nodes(node))))
    return found[1:]


def terminal(node: ast.AST) -> str:
    """The last name of a dotted expression or of what is called: `b` of `a.b` and of `a.b(c)`."""
    if isinstance(node, ast.Call):
        return terminal(node.func)
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _kind(
    node: ast.AST, sums: set[str], checks: frozenset[str], locks: AbstractSet[str] = frozenset()
) -> str:
    if isinstance(node, ast.withitem):
        name = terminal(node.context_expr)
        return "lock" if LOCK.search(name) or name in locks else ""
    if isinstance(node, ast.Compare):
        equality = all(isinstance(op, ast.Eq | ast.NotEq) for op in node.ops)
        return "crc" if equality and _mentions(node, sums) else ""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        name, of = terminal(node.value), terminal(getattr(node.value.func, "value", node))
        return "check" if name in checks and CHECKS_OF.get(name, of) == of else ""
    if isinstance(node, ast.Call):
        name = terminal(node)
        return "sync" if SYNC.search(name) else "take" if TAKE.search(name) else ""
    return ""


def _is_bound(node: ast.AST, sums: AbstractSet[str], module: str) -> bool:
    if not module.startswith(BOUNDED) or not isinstance(node, ast.If):
        return False
    if any(_kind(part, set(sums), frozenset()) == "crc" for part in ast.walk(node.test)):
        return False
    raised = [part.exc for part in node.body if isinstance(part, ast.Raise) and part.exc]
    last = node.body[-1]
    says_no = module == SCAN and isinstance(last, ast.Return) and _is_no(last.value)
    return says_no or any(terminal(error) == "CorruptionError" for error in raised)


def _is_no(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is not None and not node.value


def _mentions(node: ast.AST, names: AbstractSet[str], pattern: re.Pattern[str] = SUM) -> bool:
    found = {terminal(part) for part in ast.walk(node)}
    return bool(found & names) or any(pattern.search(name) for name in found)


def _held_in(function: ast.AST, pattern: re.Pattern[str]) -> set[str]:
    """Local names that hold a checksum, or a lock."""
    return {
        target.id
        for node in ast.walk(function)
        if isinstance(node, ast.Assign) and _mentions(node.value, frozenset(), pattern)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


@functools.cache
def _lock_names() -> frozenset[str]:
    """What holds a lock anywhere, whatever it is called, and what has one while it yields."""
    found: set[str] = set()
    functions = []
    for module in modules():
        tree = _parsed(module)
        functions += [function for function, _ in functions_in(tree)]
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                if terminal(node.value) in LOCK_TYPES:
                    found.update(terminal(target) for target in targets)
    before = -1
    while before != len(found):  # a manager may yield under another manager
        before = len(found)
        found.update(function.name for function in functions if _yields_locked(function, found))
    return frozenset(found)


def _yields_locked(function: ast.AST, locks: AbstractSet[str]) -> bool:
    return any(
        isinstance(block, ast.With)
        and any(_kind(item, set(), frozenset(), locks) == "lock" for item in block.items)
        and any(isinstance(node, ast.Yield) for node in ast.walk(block))
        for block in ast.walk(function)
    )


@functools.cache
def _public_checks() -> frozenset[str]:
    """Names that other modules call for the comparison that is in them."""
    found = {"verify"}  # every section again
    for module in modules():
        found.update(_checks_in(_parsed(module)))
    return frozenset(name for name in found if not name.startswith("_"))


def _checks_in(tree: ast.Module) -> Iterator[str]:
    """Functions that compare a checksum and give nothing back: they are called for that only."""
    for function, _ in functions_in(tree):
        nodes = own_nodes(function)
        gives = any(isinstance(node, ast.Return | ast.Yield) and node.value for node in nodes)
        if gives or function.name.startswith("__"):
            continue
        sums = _held_in(function, SUM)
        if any(_kind(node, sums, frozenset()) == "crc" for node in nodes):
            yield function.name
