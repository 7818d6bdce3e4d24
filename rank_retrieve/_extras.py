"""Optional dependencies: imported where they are used, and missed by name.

Every feature that needs one is an extra of the package: `pip install 'rank-retrieve[NAME]'`.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from rank_retrieve.errors import MissingExtra


def require(module: str, extra: str) -> Any:
    """The module, imported. Raises MissingExtra, which gives the command, when it is not there.

    An ImportError from inside an installed package is passed on as it is.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        raise MissingExtra(module, extra) from error
