"""Putting the tokens of chosen documents together, without analysing them again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from rank_retrieve.types import Int64s

if TYPE_CHECKING:
    from rank_retrieve.lexical import ForwardIndex


def joined(parts: Sequence[tuple[ForwardIndex, Int64s]]) -> ForwardIndex:
    """The chosen docs of each forward index, one after the other; all of one vocabulary."""
    from rank_retrieve.lexical import ForwardIndex

    n_fields = parts[0][0].n_fields
    positioned = parts[0][0].positions is not None
    tokens, lengths, positions = [], [], []
    for forward, docs in parts:
        if len(docs) == forward.n_docs:
            tokens.append(forward.tokens)
            lengths.append(np.diff(forward.offsets))
            if forward.positions is not None:
                positions.append(forward.positions)
            continue
        runs = (docs[:, None] * n_fields + np.arange(n_fields)).ravel()
        starts, ends = forward.offsets[runs], forward.offsets[runs + 1]
        lengths.append(ends - starts)
        before = np.cumsum(ends - starts) - (ends - starts)
        # token j of a run lies at its start plus j: one gather for all runs
        places = np.repeat(starts - before, ends - starts) + np.arange((ends - starts).sum())
        tokens.append(forward.tokens[places])
        if forward.positions is not None:
            positions.append(forward.positions[places])
    offsets = np.zeros(sum(map(len, lengths)) + 1, dtype=np.int64)
    np.cumsum(np.concatenate(lengths), out=offsets[1:])
    return ForwardIndex(
        np.concatenate(tokens), offsets, n_fields, np.concatenate(positions) if positioned else None
    )
