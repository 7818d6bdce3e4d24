"""Fusion methods by name, for command lines and configuration files."""

from __future__ import annotations

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.fusion.adaptive import Adaptive
from rank_retrieve.fusion.borda import Borda
from rank_retrieve.fusion.comb_anz import CombANZ
from rank_retrieve.fusion.comb_max import CombMAX
from rank_retrieve.fusion.comb_min import CombMIN
from rank_retrieve.fusion.comb_mnz import CombMNZ
from rank_retrieve.fusion.comb_sum import CombSUM
from rank_retrieve.fusion.convex import Convex
from rank_retrieve.fusion.dbsf import DBSF
from rank_retrieve.fusion.isr import ISR
from rank_retrieve.fusion.method import SumOverLegs
from rank_retrieve.fusion.rrf import RRF

METHODS: dict[str, type[SumOverLegs]] = {
    "rrf": RRF,
    "isr": ISR,
    "borda": Borda,
    "convex": Convex,
    "dbsf": DBSF,
    "combsum": CombSUM,
    "combmnz": CombMNZ,
    "combanz": CombANZ,
    "combmax": CombMAX,
    "combmin": CombMIN,
    "adaptive": Adaptive,
}


def get_method(name: str) -> SumOverLegs:
    """A method with its default parameters; InvalidArgument lists the names."""
    if name not in METHODS:
        raise InvalidArgument("fusion", name, f"must be one of {', '.join(METHODS)}")
    return METHODS[name]()
