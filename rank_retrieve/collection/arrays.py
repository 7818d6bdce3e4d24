"""Sections as arrays, without copying; a size that cannot be is corruption, not a ValueError."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rank_retrieve.errors import CorruptionError
from rank_retrieve.types import Sections


def array_of(sections: Sections, name: str, dtype: str) -> NDArray[Any]:
    """The whole section as an array of this type. Raises CorruptionError."""
    view, size = sections.section(name), np.dtype(dtype).itemsize
    if view.nbytes % size:
        raise CorruptionError(
            f"{sections.origin} ({name})",
            view.nbytes,
            f"a multiple of {size} bytes",
            str(view.nbytes),
        )
    return np.frombuffer(view, dtype=dtype)
