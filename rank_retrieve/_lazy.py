"""Names of a package that load when they are first used, so that importing it costs nothing.

    __getattr__ = lazy_exports(__name__, {"reader": ("Fst",), "builder": ("FstBuilder", "build")})

`if TYPE_CHECKING:` imports above it tell type checkers the same.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any


def lazy_exports(package: str, homes: Mapping[str, Sequence[str]]) -> Callable[[str], Any]:
    """A `__getattr__` for a package.

    homes: the names by the submodule that has them. A submodule that is among its own names, or
        has none, is exported itself.
    """
    home_of = {name: home for home, names in homes.items() for name in names or (home,)}

    def load(name: str) -> Any:
        if name not in home_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = import_module(f"{package}.{home_of[name]}")
        value = module if name == home_of[name] else getattr(module, name)
        setattr(sys.modules[package], name, value)  # not asked again
        return value

    return load
