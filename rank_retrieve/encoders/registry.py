"""The kinds of encoder that a collection can store and reopen.

A kind is a class whose arguments come back from `options`, that learns with `fit`, and whose
state goes to sections with `write` and comes back with `open`.
"""

from __future__ import annotations

from typing import Any

from rank_retrieve.encoders.lsa import LSAEncoder

KINDS: dict[str, Any] = {"lsa": LSAEncoder}


def kind_of(encoder: object) -> str | None:
    """The name of an encoder's class in KINDS, None when it cannot be stored."""
    for kind, of_class in KINDS.items():
        if type(encoder) is of_class:
            return kind
    return None
