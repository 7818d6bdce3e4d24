"""How does text become vectors? Through an encoder: learnt from the collection, or your function.

    lsa                     latent semantic analysis, learnt from the collection's own documents
    callable                any function from texts to vectors
    model                   what encoders of ready-made models share
    sentence_transformers, model2vec, fastembed     models on this machine
    http                    models behind an endpoint of the OpenAI form
    cached                  another encoder with a memory on disk
    registry                the kinds that can be stored with a collection

Importing this package is cheap: SciPy and models are loaded when an encoder is made or fitted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rank_retrieve._lazy import lazy_exports

if TYPE_CHECKING:
    from rank_retrieve.encoders.cached import CachedEncoder
    from rank_retrieve.encoders.callable import CallableEncoder
    from rank_retrieve.encoders.fastembed import FastEmbedEncoder
    from rank_retrieve.encoders.http import HTTPEncoder
    from rank_retrieve.encoders.lsa import LSAEncoder
    from rank_retrieve.encoders.model2vec import Model2VecEncoder
    from rank_retrieve.encoders.sentence_transformers import SentenceTransformerEncoder

__all__ = [
    "CachedEncoder",
    "CallableEncoder",
    "FastEmbedEncoder",
    "HTTPEncoder",
    "LSAEncoder",
    "Model2VecEncoder",
    "SentenceTransformerEncoder",
]

__getattr__ = lazy_exports(
    __name__,
    {
        "cached": ("CachedEncoder",),
        "callable": ("CallableEncoder",),
        "fastembed": ("FastEmbedEncoder",),
        "http": ("HTTPEncoder",),
        "lsa": ("LSAEncoder",),
        "model2vec": ("Model2VecEncoder",),
        "sentence_transformers": ("SentenceTransformerEncoder",),
    },
)
