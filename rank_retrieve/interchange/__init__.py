"""How do documents come in and go out? From files and frames, and to files without loss.

files      the kinds of file that hold documents, and folders of them
document, lines, records, passages     how each kind is read
tables     Parquet files, and frames of pandas, polars and Arrow
reading    documents from any of these
tagged     values that JSON lacks, in the words of MongoDB's Extended JSON
exports    documents -> JSONL or Parquet, and back the same
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rank_retrieve._lazy import lazy_exports

if TYPE_CHECKING:
    from rank_retrieve.interchange.exports import write_documents
    from rank_retrieve.interchange.reading import read_documents

__all__ = ["read_documents", "write_documents"]

__getattr__ = lazy_exports(
    __name__,
    {"reading": ("read_documents",), "exports": ("write_documents",)},
)
