"""What the publishers' suites expect of the test run."""

import inspect
from typing import Any

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(obj: Any) -> None:
    """Mark the suites' asynchronous tests, which count on a setting of pytest-asyncio."""
    if inspect.iscoroutinefunction(obj):
        marks = getattr(obj, "pytestmark", [])
        if all(mark.name != "asyncio" for mark in marks):
            pytest.mark.asyncio(obj)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tests of a framework in one worker: importing it takes seconds."""
    for item in items:
        parts = item.nodeid.split("/")
        if parts[:2] == ["tests", "adapters"] and len(parts) > 3:
            item.add_marker(pytest.mark.xdist_group(f"adapters/{parts[2]}"))
