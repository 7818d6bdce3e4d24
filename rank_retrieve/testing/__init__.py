"""What do plug-in authors and our own tests need to hold an implementation to its contract?

RetrieverContract, DirectoryContract   conformance suites to subclass; they need pytest
NestingContract                        for directories that hold folders, as checkpoints need
CrashDirectory                         records operations, yields the states a crash may leave
FaultDirectory, Fault, FaultKind       the Nth operation fails
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rank_retrieve._lazy import lazy_exports

if TYPE_CHECKING:
    from rank_retrieve.testing.crash_directory import CrashDirectory
    from rank_retrieve.testing.directory_contract import DirectoryContract, NestingContract
    from rank_retrieve.testing.fault_directory import Fault, FaultDirectory, FaultKind
    from rank_retrieve.testing.retriever_contract import RetrieverContract

__all__ = [
    "CrashDirectory",
    "DirectoryContract",
    "Fault",
    "FaultDirectory",
    "FaultKind",
    "NestingContract",
    "RetrieverContract",
]

__getattr__ = lazy_exports(
    __name__,
    {
        "crash_directory": ("CrashDirectory",),
        "directory_contract": ("DirectoryContract", "NestingContract"),
        "fault_directory": ("Fault", "FaultDirectory", "FaultKind"),
        "retriever_contract": ("RetrieverContract",),
    },
)
