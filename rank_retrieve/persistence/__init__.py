"""How do bytes become files that survive?

Directories are the only way to touch files; segments and manifests are written whole and
published atomically; the write-ahead log carries what is newer; recovery puts them together.
"""

from rank_retrieve.persistence.directory import Directory, FSDirectory, Output
from rank_retrieve.persistence.lock import Lock
from rank_retrieve.persistence.memory_directory import MemoryDirectory
from rank_retrieve.persistence.segment import (
    FileInfo,
    SegmentReader,
    SegmentWriter,
    write_file_atomically,
)

__all__ = [
    "Directory",
    "FSDirectory",
    "FileInfo",
    "Lock",
    "MemoryDirectory",
    "Output",
    "SegmentReader",
    "SegmentWriter",
    "write_file_atomically",
]
