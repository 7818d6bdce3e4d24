"""How does text become vectors? Through an encoder: learnt from the collection, or your function.

    lsa        latent semantic analysis, learnt from the collection's own documents
    callable   any function from texts to vectors
    registry   the kinds that can be stored with a collection

Importing this package is cheap: SciPy is loaded when an encoder is fitted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rank_retrieve._lazy import lazy_exports

if TYPE_CHECKING:
    from rank_retrieve.encoders.callable import CallableEncoder
    from rank_retrieve.encoders.lsa import LSAEncoder

__all__ = ["CallableEncoder", "LSAEncoder"]

__getattr__ = lazy_exports(
    __name__,
    {
        "callable": ("CallableEncoder",),
        "lsa": ("LSAEncoder",),
    },
)
