"""How does text become vectors? Through an encoder: learnt from the collection, or your function.

    lsa        latent semantic analysis, learnt from the collection's own documents
    callable   any function from texts to vectors
    registry   the kinds that can be stored with a collection

Importing this package is cheap: SciPy is loaded when an encoder is fitted.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rank_retrieve.encoders.callable import CallableEncoder
    from rank_retrieve.encoders.lsa import LSAEncoder

__all__ = ["CallableEncoder", "LSAEncoder"]

_MODULES = {"CallableEncoder": "callable", "LSAEncoder": "lsa"}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
