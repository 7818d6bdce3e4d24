"""Arrays that lie in the sections of a segment: of the size that they must have, and not copied."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rank_retrieve.errors import CorruptionError
from rank_retrieve.types import Sections


def stored_array(sections: Sections, name: str, dtype: str, shape: tuple[int, ...]) -> NDArray[Any]:
    """A read-only array over a section's memory. Raises CorruptionError for another size."""
    section = sections.section(name)
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if len(section) != size:
        raise damaged(sections.origin, name, f"{size} bytes", f"{len(section)} bytes")
    if not size:
        return np.empty(shape, dtype=dtype)
    array = np.frombuffer(section, dtype=dtype).reshape(shape)
    array.flags.writeable = False
    return array


def damaged(origin: str, section: str, expected: str, got: str) -> CorruptionError:
    """The error for a section that is not what it must be."""
    return CorruptionError(f"{origin} ({section})", 0, expected, got)
