"""Small indexes of several parts, with deleted documents, that queries can be put to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rank_retrieve.analysis import Vocabulary, get_analyzer
from rank_retrieve.lexical.invert import ForwardIndex
from rank_retrieve.lexical.inverted_index import InvertedIndex, write_inverted_index
from rank_retrieve.lexical.queries import FieldGroup
from rank_retrieve.lexical.searcher import LexicalPart, LexicalSearcher
from rank_retrieve.types import Bitmap, Int64s, MemorySections
from tests.lexical.queries.oracle import Document, Group, Oracle

GROUPS = (Group({"title": 2, "text": 1}), Group({"notes": 3}, 2))
ANALYZER = get_analyzer("whitespace")


def text_of(document: Document, field: str) -> str:
    """A field as a string."""
    return " ".join(document.get(field, ()))


def build(
    parts: Sequence[Sequence[Document]],
    live: Sequence[Sequence[bool]],
    *,
    positions: bool,
    groups: Sequence[Group] = GROUPS,
) -> list[FieldGroup]:
    """Indexes of documents, some of them deleted."""
    made = []
    for group in groups:
        fields = list(group.units)
        base, indexes = 0, []
        for documents, alive in zip(parts, live, strict=True):
            vocabulary = Vocabulary(ANALYZER)
            runs = vocabulary.analyze(
                [text_of(document, field) for document in documents for field in fields],
                positions=positions,
            )
            sections = MemorySections()
            write_inverted_index(
                sections,
                "g",
                ForwardIndex(runs.tokens, runs.offsets, len(fields), runs.positions),
                *vocabulary.arena(),
                list(group.units.values()),
                group.scale,
            )
            bitmap = Bitmap.from_mask(np.array(alive, dtype=np.bool_))
            index = InvertedIndex.open(sections, "g")
            indexes.append(LexicalPart(index, base, None if all(alive) else bitmap))
            base += len(documents)

        def texts(part: int, docs: Int64s, names: Sequence[str]) -> list[str]:
            return [text_of(parts[part][doc], name) for doc in docs.tolist() for name in names]

        made.append(
            FieldGroup(
                tuple(fields),
                tuple(group.units.values()),
                ANALYZER,
                LexicalSearcher(indexes),
                texts,
            )
        )
    return made


def oracle_of(
    parts: Sequence[Sequence[Document]],
    live: Sequence[Sequence[bool]],
    groups: Sequence[Group] = GROUPS,
) -> Oracle:
    """The live documents, numbered as searches number them."""
    documents = [document for part in parts for document in part]
    alive = [each for part in live for each in part]
    kept = {doc: documents[doc] for doc in range(len(documents)) if alive[doc]}
    return Oracle(kept, groups)
