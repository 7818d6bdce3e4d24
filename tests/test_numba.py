import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numba
import numpy as np
import pytest
from numba import types

from rank_retrieve._numba import RULES, borrowed, inlined, kernel, load_declared


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


def declared():
    def double(x):
        return x + x

    return kernel("int64(int64)")(double)


def test_a_kernel_is_compiled_when_it_is_first_called() -> None:
    double = declared()
    assert not double.signatures
    assert double(4) == 8
    assert double.signatures == [(types.int64,)]
    assert double.py_func(4) == 8


def test_a_kernel_takes_the_declared_types_only() -> None:
    summed = kernel(types.int64(ARRAY))(lambda values: values.sum())
    with pytest.raises(TypeError, match="No matching definition"):
        summed(np.arange(3, dtype=np.int32))
    with pytest.raises(TypeError, match="No matching definition"):
        summed(np.arange(6)[::2])
    frozen = np.arange(4)
    frozen.setflags(write=False)
    with pytest.raises(TypeError, match="No matching definition"):
        summed(frozen)
    assert summed(np.arange(4)) == 6


def test_a_kernel_that_another_function_calls_is_compiled_for_its_declared_types() -> None:
    double = declared()
    quadruple = numba.njit(lambda x: double(double(x)))
    assert quadruple(np.int32(3)) == 12
    assert double.signatures == [(types.int64,)]


def test_kernels_can_be_loaded_before_they_are_called() -> None:
    double = declared()
    load_declared()
    assert double.signatures == [(types.int64,)]


def test_threads_that_call_a_kernel_first_wait_for_each_other() -> None:
    double = declared()
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(double, range(16))) == [2 * i for i in range(16)]


def test_loading_a_kernel_leaves_the_linear_algebra_of_scipy_alone() -> None:
    code = (
        "import sys, numpy as np\n"
        "from rank_retrieve.codecs import varint\n"
        "varint.encode_array(np.array([300], dtype=np.uint64))\n"
        "print('numba' in sys.modules, 'scipy.linalg' in sys.modules)\n"
        "import numba\n"
        "print(numba.njit(lambda a: np.dot(a, a))(np.ones(3)), 'scipy.linalg' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["True False", "3.0 True"]
