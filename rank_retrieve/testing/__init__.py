"""What do plug-in authors and our own tests need to hold an implementation to its contract?

RetrieverContract, DirectoryContract   conformance suites to subclass; they need pytest
NestingContract                        for directories that hold folders, as checkpoints need
CrashDirectory                         records operations, yields the states a crash may leave
FaultDirectory, Fault, FaultKind       the Nth operation fails
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

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

_MODULES = {
    "CrashDirectory": "crash_directory",
    "DirectoryContract": "directory_contract",
    "Fault": "fault_directory",
    "FaultDirectory": "fault_directory",
    "FaultKind": "fault_directory",
    "NestingContract": "directory_contract",
    "RetrieverContract": "retriever_contract",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
