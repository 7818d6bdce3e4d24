import os
import subprocess
import sys

from rank_retrieve.simd import features

SHOW = "from rank_retrieve.simd.features import compiled_features as f; print(*sorted(f()))"


def shown(**variables):
    environment = {**os.environ, **variables}
    found = subprocess.run(
        [sys.executable, "-c", SHOW], env=environment, capture_output=True, text=True, check=True
    )
    return found.stdout.split()


def test_a_generic_processor_has_no_features():
    assert shown(NUMBA_CPU_NAME="generic") == []


def test_features_that_numba_is_told_are_believed():
    assert shown(NUMBA_CPU_NAME="skylake", NUMBA_CPU_FEATURES="+avx2,-avx512f, +bmi") == [
        "avx2",
        "bmi",
    ]


def test_avx_can_be_disabled():
    assert not [name for name in shown(NUMBA_ENABLE_AVX="0") if name.startswith("avx")]


def test_every_asked_feature_must_be_there():
    assert features.has()
    assert not features.has("no such feature")
