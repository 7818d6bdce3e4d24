"""What a collection remembers of its encoder.

An encoder of a registered kind (`rank_retrieve.encoders.registry`) is stored with the
collection and comes back with it. Any other (a function, a model in memory) cannot be stored:
its fingerprint is, and whoever opens the collection passes the encoder again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import msgspec

from rank_retrieve.collection.schema import Schema
from rank_retrieve.errors import CorruptionError, DimensionMismatch, InvalidArgument
from rank_retrieve.persistence import SegmentWriter
from rank_retrieve.types import Encoder, Float32s, Sections, SectionSink, Vector

if TYPE_CHECKING:
    from rank_retrieve.persistence import Directory, FileInfo

ENCODER_KIND = "encoder"
EXTERNAL = "external"
DEFAULT_FIELD = "vector"


class EncoderSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """kind: a registered kind, or "external". options: what makes an untrained one again.

    fingerprint: of an external encoder; a registered one is stored whole.
    """

    kind: str
    field: str
    dim: int
    options: dict[str, Any] = {}
    fingerprint: str = ""

    def check(self, encoder: Encoder) -> None:
        """Raises InvalidArgument when this is not the encoder that made the stored vectors."""
        if self.kind != EXTERNAL:
            raise InvalidArgument(
                "encoder", self.kind, "is stored with the collection", "leave the argument out"
            )
        if encoder.fingerprint != self.fingerprint:
            raise InvalidArgument(
                "encoder",
                encoder.fingerprint,
                f"is not the one that made the stored vectors ({self.fingerprint})",
                "open the collection with the encoder that it was made with",
            )


@runtime_checkable
class TrainableEncoder(Encoder, Protocol):
    """An encoder that learns from the collection's documents and is stored with it."""

    @property
    def fitted(self) -> bool:
        """Whether it can encode."""
        ...

    @property
    def options(self) -> dict[str, Any]:
        """The arguments that make an untrained one like it."""
        ...

    def fit(
        self, texts: Sequence[str], *, progress: Callable[[int, int], None] | None = None
    ) -> Any:
        """Learn from texts; progress(done, total)."""
        ...

    def write(self, sink: SectionSink) -> None:
        """Store what was learnt."""
        ...


def settings_of(schema: Schema, encoder: Encoder) -> tuple[Schema, EncoderSettings]:
    """The schema with the encoder's field, and what to remember of the encoder.

    Raises InvalidArgument when there is no text to encode or no single field for the vectors,
    DimensionMismatch when the field has another dimension.
    """
    from rank_retrieve.encoders.registry import kind_of

    if not isinstance(encoder, Encoder):
        raise InvalidArgument(
            "encoder",
            type(encoder).__name__,
            "is not an encoder",
            "wrap a function with rr.CallableEncoder",
        )
    if not schema.texts:
        raise InvalidArgument("encoder", sorted(schema.fields), "needs a text field to encode")
    if not schema.vectors:
        schema = schema.with_field(DEFAULT_FIELD, Vector(encoder.dim))
    if len(schema.vectors) > 1:
        raise InvalidArgument(
            "encoder", sorted(schema.vectors), "fills one vector field, and several are declared"
        )
    ((field, spec),) = schema.vectors.items()
    if spec.dim != encoder.dim:
        raise DimensionMismatch(field, spec.dim, encoder.dim)
    kind = kind_of(encoder)
    if kind is None:
        return schema, EncoderSettings(EXTERNAL, field, spec.dim, {}, encoder.fingerprint)
    if not isinstance(encoder, TrainableEncoder):
        raise InvalidArgument("encoder", kind, "is registered but cannot be stored")
    return schema, EncoderSettings(kind, field, spec.dim, encoder.options)


def is_fitted(encoder: Encoder) -> bool:
    """Whether an encoder can encode at once."""
    return not isinstance(encoder, TrainableEncoder) or encoder.fitted


def unfitted_encoder(settings: EncoderSettings) -> TrainableEncoder | None:
    """An untrained encoder as it was when the collection was made; None for an external one."""
    from rank_retrieve.encoders.registry import KINDS

    if settings.kind == EXTERNAL:
        return None
    try:
        encoder = KINDS[settings.kind](**settings.options)
    except (KeyError, TypeError, InvalidArgument) as error:
        raise CorruptionError("manifest", 0, "a known encoder", repr(error)) from error
    if not isinstance(encoder, TrainableEncoder):
        raise CorruptionError("manifest", 0, "an encoder that can be stored", settings.kind)
    return encoder


def write_encoder(directory: Directory, name: str, encoder: TrainableEncoder) -> FileInfo:
    """Write a fitted encoder to a new file, synced but not yet published."""
    writer = SegmentWriter(directory, name, kind=ENCODER_KIND)
    try:
        encoder.write(writer)
        return writer.finish()
    except BaseException:
        writer.abandon()
        raise


def open_encoder(settings: EncoderSettings, sections: Sections) -> Encoder:
    """The fitted encoder of a collection. Raises CorruptionError."""
    from rank_retrieve.encoders.registry import KINDS

    if settings.kind not in KINDS:
        raise CorruptionError("manifest", 0, "a known encoder", repr(settings.kind))
    encoder: Encoder = KINDS[settings.kind].open(sections)
    if encoder.dim != settings.dim:
        raise CorruptionError(
            sections.origin, 0, f"an encoder of {settings.dim} dimensions", str(encoder.dim)
        )
    return encoder


def checked_rows(encoder: Encoder, rows: Any, n_texts: int, spec: Vector) -> list[Float32s | None]:
    """What an encoder returned, a row for each text, held to what users' vectors are held to.

    None stands for a row of zeros: nothing in the text was known. Raises InvalidArgument.
    """
    import numpy as np

    from rank_retrieve.dense.validate import as_vector

    matrix = np.asarray(rows)
    if matrix.shape != (n_texts, encoder.dim):
        raise InvalidArgument(
            "encoder", str(matrix.shape), f"must return vectors of shape ({n_texts}, {encoder.dim})"
        )
    known = np.any(matrix != 0, axis=1).tolist()
    return [
        as_vector(row, spec.dim, spec.metric, "encoder's vector", spec.dtype) if known[i] else None
        for i, row in enumerate(matrix)
    ]
