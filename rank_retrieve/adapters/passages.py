"""Documents of any collection as frameworks want them: one text, and metadata."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

METADATA = "metadata"


def passage_of(
    document: Mapping[str, Any], texts: Iterable[str], hidden: Iterable[str]
) -> tuple[str, dict[str, Any]]:
    """Text and metadata of a document.

    texts: the fields that make the text, a blank line between them. hidden: fields that are no
        metadata, such as vectors. Where all metadata is one dict "metadata", it is that dict.
    """
    texts = tuple(texts)
    left_out = {"id", *texts, *hidden}
    metadata = {name: value for name, value in document.items() if name not in left_out}
    nested = metadata.get(METADATA)
    if len(metadata) == 1 and isinstance(nested, dict):
        metadata = nested
    return "\n\n".join(document[name] for name in texts if document.get(name)), metadata
