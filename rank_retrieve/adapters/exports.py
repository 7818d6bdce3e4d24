"""Names of an adapter, which load its framework when they are first used."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rank_retrieve._extras import require
from rank_retrieve._lazy import lazy_exports


def adapter_exports(
    package: str, homes: Mapping[str, Sequence[str]], *, needs: str, extra: str
) -> Callable[[str], Any]:
    """A `__getattr__` for an adapter's package; see `lazy_exports`.

    needs: the framework's module. extra: of this project, installs it. The names raise
    MissingExtra, which gives the command, where the framework is not installed.
    """
    load = lazy_exports(package, homes)
    names = {name for group in homes.values() for name in group}

    def load_with_framework(name: str) -> Any:
        if name in names:
            require(needs, extra)
        return load(name)

    return load_with_framework
