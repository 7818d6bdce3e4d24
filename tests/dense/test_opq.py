import numpy as np
import pytest

from rank_retrieve.dense.opq import balanced_directions, learn_rotation
from rank_retrieve.dense.pq import Coded, ProductQuantizer


def stretched(n, width, seed):
    """Rows whose variances fall steeply, in the directions of the axes."""
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((n, width)) * 0.75 ** np.arange(width)).astype(np.float32)


def loss(rows, m):
    labels, origin = np.zeros(len(rows), np.int32), np.zeros((1, rows.shape[1]), np.float32)
    quantizer = ProductQuantizer.learn(rows, origin, labels, m, 4, threads=1)
    coded = Coded.empty(len(rows), m)
    quantizer.encode(rows, origin, labels, "dot", coded)
    return float(((rows - quantizer.decode(coded.codes)) ** 2).sum())


def test_directions_are_dealt_out_by_hand():
    # variances 16, 9, 4, 1: the greatest and the least go together
    found = balanced_directions(np.diag([16.0, 9.0, 4.0, 1.0]), 2)
    assert np.abs(found).argmax(axis=0).tolist() == [0, 3, 1, 2]
    assert np.abs(found).sum() == pytest.approx(4.0)


def test_a_rotation_is_orthogonal_and_loses_less():
    rows = stretched(3_000, 16, seed=1)
    rotation = learn_rotation(rows, 4, 4, threads=1)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(16), atol=1e-5)
    assert loss(np.ascontiguousarray(rows @ rotation), 4) < 0.8 * loss(rows, 4)


def test_turns_improve_on_principal_directions():
    rows = stretched(2_000, 8, seed=2) @ np.linalg.qr(
        np.random.default_rng(3).standard_normal((8, 8))
    )[0].astype(np.float32)
    plain, turned = (learn_rotation(rows, 2, 4, turns=n, threads=1) for n in (0, 6))
    before, after = (loss(np.ascontiguousarray(rows @ r), 2) for r in (plain, turned))
    assert after < before * 1.02


def test_components_without_variance_are_no_obstacle():
    rows = np.zeros((50, 6), np.float32)
    rows[:, 1] = np.arange(50)
    rotation = learn_rotation(rows, 3, 4, threads=1)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(6), atol=1e-5)
    again = learn_rotation(np.zeros((5, 6), np.float32), 3, 4, threads=2)
    np.testing.assert_allclose(again @ again.T, np.eye(6), atol=1e-5)
