"""What a vector field can be searched by, beside the vectors themselves: one entry a kind.

A segment always holds the vectors (`vectors.<field>`), which every kind rescores by. A kind may
add sections of its own, written when a segment is flushed or merged:

    wants   whether so many vectors are worth one
    write   from the column just written
    merge   from the columns and structures of the segments that became one
    open    beside its column; None where the segment has no such structure
    effort  the setting of a query that trades time for recall, where there is one

A segment of fewer than `GRAPH_ROWS` vectors gets no graph, and one of fewer than `LISTED_ROWS` no
lists: a scan of its codes or floats is as quick. Such parts, and those of the memtable, are scanned
exactly, and the best of all parts win.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from rank_retrieve.dense.structures import (
    Codes,
    DenseSearcher,
    Effort,
    MergedPart,
    Structure,
)
from rank_retrieve.errors import CorruptionError, InvalidArgument
from rank_retrieve.types import (
    ExactOptions,
    HNSWOptions,
    IVFPQOptions,
    Sections,
    SectionSink,
    Vector,
)

if TYPE_CHECKING:
    from rank_retrieve.dense.index_searcher import IndexPart
    from rank_retrieve.dense.vectors import VectorColumn

GRAPH_ROWS = 2_000
LISTED_ROWS = 4_000
RESCORED_STEPS = (50, 100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800)
EF_STEPS = (10, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 2048, 4096)

PROBE_STEPS = (
    1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 2048, 4096,
    8192, 16384, 32768,
)  # fmt: skip

Progress = Callable[[int, int], None]


class IndexKind(Protocol):
    """One kind of index; stateless."""

    def wants(self, n_vectors: int) -> bool:
        """Whether a segment of so many vectors gets a structure."""
        ...

    def write(
        self,
        sink: SectionSink,
        field: str,
        column: VectorColumn,
        spec: Vector,
        progress: Progress | None = None,
    ) -> None:
        """Add the sections of a field's structure over a new column."""
        ...

    def merge(
        self,
        sink: SectionSink,
        field: str,
        column: VectorColumn,
        parts: Sequence[MergedPart],
        spec: Vector,
        progress: Progress | None = None,
    ) -> None:
        """Add the sections over `column`: the live rows of all parts, one part after the other."""
        ...

    def open(
        self, sections: Sections, field: str, column: VectorColumn, spec: Vector
    ) -> Structure | None:
        """The structure of a field; None where the segment has none. Raises CorruptionError."""
        ...

    def effort(self, spec: Vector) -> Effort | None:
        """The setting of a query; None where there is nothing to set."""
        ...


class ExactKind:
    """Nothing beside the vectors."""

    def wants(self, _: int) -> bool:
        """Nothing is worth nothing."""
        return False

    def write(self, *_: Any) -> None:
        """Adds nothing."""

    def merge(self, *_: Any) -> None:
        """Adds nothing."""

    def open(self, *_: Any) -> None:
        """There is nothing."""

    def effort(self, _: Vector) -> None:
        """Nothing is missed."""


class CodeKind:
    """Codes of all rows, `int8.<field>` or `1bit.<field>`; a merge codes the rows anew."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def wants(self, n_vectors: int) -> bool:
        """From GRAPH_ROWS on."""
        return n_vectors >= GRAPH_ROWS

    def write(
        self,
        sink: SectionSink,
        field: str,
        column: VectorColumn,
        spec: Vector,
        progress: Progress | None = None,
    ) -> None:
        """Code a column."""
        code_class(self._prefix).of(column, spec.metric).write(sink, field)

    def merge(
        self,
        sink: SectionSink,
        field: str,
        column: VectorColumn,
        parts: Sequence[MergedPart],
        spec: Vector,
        progress: Progress | None = None,
    ) -> None:
        """Code what became of the parts."""
        self.write(sink, field, column, spec)

    def open(
        self, sections: Sections, field: str, column: VectorColumn, spec: Vector
    ) -> Structure | None:
        """Map the codes of a field."""
        if f"{self._prefix}.{field}.meta" not in sections:
            return None
        made = code_class(self._prefix).open(sections, field, column)
        return _checked(made, spec, sections.origin)

    def effort(self, spec: Vector) -> Effort | None:
        """Candidates that are scored, where codes do not say which rows must be."""
        assert isinstance(spec.index, ExactOptions)
        return code_effort(spec.index)


def code_class(quantizer: str) -> type[Codes]:
    """What codes rows: by "int8" or "1bit"."""
    from rank_retrieve.dense.byte_codes import ByteCodes
    from rank_retrieve.dense.sign_codes import SignCodes

    classes: dict[str, type[Codes]] = {"int8": ByteCodes, "1bit": SignCodes}
    return classes[quantizer]


def code_effort(options: ExactOptions) -> Effort | None:
    """How many candidates are scored, for codes that only estimate."""
    if options.quantizer != "1bit":
        return None
    return Effort("rescored", options.rescored, ExactOptions.MAX_RESCORED, RESCORED_STEPS)


class HNSWKind:
    """A graph, `hnsw.<field>`."""

    def wants(self, n_vectors: int) -> bool:
        """From GRAPH_ROWS on."""
        return n_vectors >= GRAPH_ROWS

    def write(
        self,
        sink: SectionSink,
        field: str,
        column: VectorColumn,
        spec: Vector,
        progress: Progress | None = None,
    ) -> None:
        """Build the graph of a column."""
        from rank_retrieve.dense.growth import build_graph

        build_graph(column, spec.metric, _options(spec), progress=progress).write(sink, field)

    def merge(
        self,
        sink: SectionSink,
        field: str,
        column: VectorColumn,
        parts: Sequence[MergedPart],
        spec: Vector,
        progress: Progress | None = None,
    ) -> None:
        """Mend the largest graph and insert the rows of the others."""
        from rank_retrieve.dense.growth import merge_graphs

        graph = merge_graphs(column, parts, spec.metric, _options(spec), progress=progress)
        graph.write(sink, field)

    def open(
        self, sections: Sections, field: str, column: VectorColumn, spec: Vector
    ) -> Structure | None:
        """Map the graph of a field."""
        from rank_retrieve.dense.graph import Graph

        if f"hnsw.{field}.meta" not in sections:
            return None
        return _checked(Graph.open(sections, field, column), spec, sections.origin)

    def effort(self, spec: Vector) -> Effort:
        """Candidates of a walk."""
        return graph_effort(_options(spec).ef_search)


def _checked(structure: Structure, spec: Vector, origin: str) -> Structure:
    """The structure itself; CorruptionError where it was made for another metric."""
    if structure.metric != spec.metric:
        raise CorruptionError(
            origin, 0, f"an index for {spec.metric}", f"one for {structure.metric}"
        )
    return structure


def graph_effort(ef_search: int) -> Effort:
    """Candidates of a walk, where so many are the default."""
    return Effort("ef_search", ef_search, HNSWOptions.MAX_EF, EF_STEPS)


class IVFPQKind:
    """Inverted lists of coded vectors, `ivfpq.<field>`."""

    def wants(self, n_vectors: int) -> bool:
        """From LISTED_ROWS on."""
        return n_vectors >= LISTED_ROWS

    def write(
        self,
        sink: SectionSink,
        field: str,
        column: VectorColumn,
        spec: Vector,
        progress: Progress | None = None,
    ) -> None:
        """Learn lists from a column, and put its rows into them."""
        from rank_retrieve.dense.ivfpq_growth import build_lists

        build_lists(column, spec.metric, _list_options(spec), progress=progress).write(sink, field)

    def merge(
        self,
        sink: SectionSink,
        field: str,
        column: VectorColumn,
        parts: Sequence[MergedPart],
        spec: Vector,
        progress: Progress | None = None,
    ) -> None:
        """Put the rows of the others into the largest's lists, while these are not outgrown."""
        from rank_retrieve.dense.ivfpq_growth import merge_lists

        options = _list_options(spec)
        merge_lists(column, parts, spec.metric, options, progress=progress).write(sink, field)

    def open(
        self, sections: Sections, field: str, column: VectorColumn, spec: Vector
    ) -> Structure | None:
        """Map the lists of a field."""
        from rank_retrieve.dense.ivfpq_lists import Lists

        if f"ivfpq.{field}.meta" not in sections:
            return None
        lists = Lists.open(sections, field, column, _list_options(spec).rescored)
        if lists.metric != spec.metric:
            raise CorruptionError(
                sections.origin, 0, f"lists for {spec.metric}", f"some for {lists.metric}"
            )
        return lists

    def effort(self, spec: Vector) -> Effort:
        """Lists that are looked at."""
        return list_effort(_list_options(spec).n_probe)


def list_effort(n_probe: int, n_lists: int = IVFPQOptions.MAX_LISTS) -> Effort:
    """Lists that are looked at, where so many are the default, of at most `n_lists`."""
    steps = (*(step for step in PROBE_STEPS if step < n_lists), n_lists)
    return Effort("n_probe", n_probe, IVFPQOptions.MAX_LISTS, steps)


def searcher_over(parts: Sequence[IndexPart], spec: Vector) -> DenseSearcher:
    """What searches a field: exactly while no segment has a structure beside its vectors."""
    from rank_retrieve.dense.index_searcher import IndexSearcher
    from rank_retrieve.dense.searcher import ExactSearcher

    if all(part.structure is None for part in parts):
        return ExactSearcher(parts, spec.metric)
    return IndexSearcher(parts, spec.metric, index_kind(spec).effort(spec))


def asked_efforts(
    specs: Mapping[str, Vector], asked: Mapping[str, int | None]
) -> dict[str, int | None]:
    """What a query asks of the index of each field; None for the default.

    specs: the fields that are searched. asked: settings by name, None where not given.
    Raises InvalidArgument for a setting that none of the indexes has.
    """
    found: dict[str, int | None] = dict.fromkeys(specs)
    efforts = {field: index_kind(spec).effort(spec) for field, spec in specs.items()}
    for name, value in asked.items():
        if value is None:
            continue
        taking = {field: e for field, e in efforts.items() if e is not None and e.name == name}
        if not taking:
            names = {effort.name for effort in efforts.values() if effort is not None}
            remedy = f"it takes {', '.join(sorted(names))}" if names else "leave it out"
            raise InvalidArgument(name, value, "is not for the fields that are searched", remedy)
        found |= {field: effort.checked(value) for field, effort in taking.items()}
    return found


INDEX_KINDS: dict[str, IndexKind] = {
    "exact": ExactKind(),
    "int8": CodeKind("int8"),
    "1bit": CodeKind("1bit"),
    "hnsw": HNSWKind(),
    "ivfpq": IVFPQKind(),
}


def index_kind(spec: Vector) -> IndexKind:
    """The kind that a field asks for."""
    quantizer = spec.index.quantizer if isinstance(spec.index, ExactOptions) else None
    return INDEX_KINDS[quantizer or spec.kind]


def _list_options(spec: Vector) -> IVFPQOptions:
    assert isinstance(spec.index, IVFPQOptions)
    return spec.index


def _options(spec: Vector) -> HNSWOptions:
    assert isinstance(spec.index, HNSWOptions)
    return spec.index
