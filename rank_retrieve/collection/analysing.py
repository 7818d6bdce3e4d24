"""Stored bodies to the tokens of one text group.

Only the group's own fields are decoded; and where there is much to do, the next documents are
decoded while the kernel, which needs no GIL, cuts those before.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from rank_retrieve._threads import HelperThread
from rank_retrieve.collection.record import Record
from rank_retrieve.collection.schema import TextGroup
from rank_retrieve.errors import CorruptionError

if TYPE_CHECKING:
    from rank_retrieve.analysis import TokenRuns, Vocabulary
    from rank_retrieve.lexical.invert import ForwardIndex

CHUNK_DOCS = 16_384
PENDING_CHUNKS = 2


def analysed(records: Sequence[Record], group: TextGroup, vocabulary: Vocabulary) -> ForwardIndex:
    """The tokens of records in order, numbered by the vocabulary. Raises CorruptionError."""
    from rank_retrieve.lexical.invert import ForwardIndex

    n_fields = len(group.fields)
    if len(records) <= CHUNK_DOCS:
        runs = vocabulary.analyze(_texts(records, group.fields), positions=group.positions)
        return ForwardIndex(runs.tokens, runs.offsets, n_fields, runs.positions)
    parts: list[TokenRuns] = []
    pending: deque[Future[TokenRuns]] = deque()
    with HelperThread() as helper:
        for start in range(0, len(records), CHUNK_DOCS):
            texts = _texts(records[start : start + CHUNK_DOCS], group.fields)
            analyze = functools.partial(vocabulary.analyze, texts, positions=group.positions)
            pending.append(helper.submit(analyze))
            if len(pending) > PENDING_CHUNKS:
                parts.append(pending.popleft().result())
        parts += [chunk.result() for chunk in pending]
    offsets = np.zeros(len(records) * n_fields + 1, dtype=np.int64)
    np.cumsum(np.concatenate([np.diff(part.offsets) for part in parts]), out=offsets[1:])
    positions = [part.positions for part in parts if part.positions is not None]
    return ForwardIndex(
        np.concatenate([part.tokens for part in parts]),
        offsets,
        n_fields,
        np.concatenate(positions) if group.positions else None,
    )


def _texts(records: Sequence[Record], fields: tuple[str, ...]) -> list[str]:
    """The texts of each record's fields, one record after the other; empty where it has none."""
    decode, of_group = _decoder(fields)
    try:
        return [text or "" for record in records for text in of_group(decode(record.body))]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CorruptionError("<memory>", 0, "a msgpack document", str(error)) from error


@functools.lru_cache(64)
def _decoder(
    fields: tuple[str, ...],
) -> tuple[Callable[[bytes], Any], Callable[[Any], tuple[str | None, ...]]]:
    """What decodes these fields of a body and skips the others, and what reads them out."""
    names = [f"field{number}" for number in range(len(fields))]
    texts = msgspec.defstruct(
        "Texts",
        [(name, str | None, None) for name in names],
        rename=dict(zip(names, fields, strict=True)),
        gc=False,
    )
    decode = msgspec.msgpack.Decoder(texts).decode
    if len(names) > 1:
        return decode, attrgetter(*names)
    # of one name, it would give the text itself
    return decode, lambda body: (body.field0,)
