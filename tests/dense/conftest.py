import pytest

from rank_retrieve.dense import graph_search


@pytest.fixture
def walks(monkeypatch):
    """Small collections are walked, though a scan would be quicker."""
    monkeypatch.setattr(graph_search, "_SCAN_ROW_NS", 10**6)
