"""Inverse square rank."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rank_retrieve.fusion.method import SumOverLegs
from rank_retrieve.fusion.pool import Pool
from rank_retrieve.types import Float64s


@dataclass(frozen=True)
class ISR(SumOverLegs):
    """N times the sum over legs of 1 / rank^2, with N the number of legs that hold the doc.

    Mourao, Martins & Magalhaes, "Multimodal medical information retrieval with unsupervised rank
    fusion", Computerized Medical Imaging and Graphics 39, 2015.
    """

    def contributions(self, pool: Pool) -> Float64s:
        """N / rank^2, 0 outside the leg."""
        deepest = max(len(leg) for leg in pool.legs)
        inverse = 1.0 / np.arange(1.0, deepest + 1.0) ** 2
        return pool.table([inverse[: len(leg)] for leg in pool.legs]) * pool.counts()

    def formula(self, leg: int, rank: int, score: float) -> str:
        """For example N / 3^2."""
        return f"N / {rank}^2, N = legs that hold it" if rank else "0"
