"""How do evaluations look?

Each function draws into matplotlib axes and returns them (`pip install 'rank-retrieve[plots]'`):
means with their intervals, differences by query, precision against recall, quality against time.
"""

from rank_retrieve.plots.bars import metric_bars
from rank_retrieve.plots.curves import quality_latency
from rank_retrieve.plots.differences import query_differences
from rank_retrieve.plots.precision import precision_recall

__all__ = ["metric_bars", "precision_recall", "quality_latency", "query_differences"]
