from typing import NamedTuple

import numba
import numpy as np
from numba import types

from rank_retrieve._numba import RULES, borrowed, inlined


class Pair(NamedTuple):
    left: np.ndarray
    right: np.ndarray


ARRAY = types.Array(types.int64, 1, "C")
SIGNATURE = types.int64(types.NamedUniTuple(ARRAY, 2, Pair), types.int64)


def total(pair, n):
    result = np.int64(0)
    for i in range(n):
        result += pair.left[i] + pair.right[i]
    return result


def calls_to_the_runtime(helper, **options):
    """How often the compiled code of a caller of total names Numba's reference counter."""

    def call(pair, n):
        return helper(pair, n)

    compiled = numba.njit(SIGNATURE, **RULES, **options)(call)
    assert compiled(Pair(np.arange(5), np.arange(5)), 5) == 20
    return compiled.inspect_llvm(compiled.signatures[0]).count("NRT_")


def test_borrowed_helpers_count_no_references():
    # `borrowed` rests on an option that Numba does not promise to keep
    assert calls_to_the_runtime(borrowed(total), _nrt=False) == 0
    assert calls_to_the_runtime(inlined(total)) > 0
