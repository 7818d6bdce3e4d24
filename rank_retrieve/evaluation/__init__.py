"""How good is a ranking?

Queries, judgements and runs in and out of files (BEIR folders, TREC qrels and runs), metrics
through ir-measures (`pip install 'rank-retrieve[evaluation]'`), and paired tests that say whether
a difference is more than luck.
"""

from rank_retrieve.evaluation.beir import Corpus, Dataset, load_beir, read_queries
from rank_retrieve.evaluation.comparison import Comparison, Comparisons
from rank_retrieve.evaluation.curves import Curve, CurvePoint, measure_curve
from rank_retrieve.evaluation.evaluate import DEFAULT_METRICS, evaluate, judged_queries
from rank_retrieve.evaluation.evaluation import Evaluation
from rank_retrieve.evaluation.fitting import FusionFit, fit_fusion, methods_for
from rank_retrieve.evaluation.qrels import Qrels, read_qrels, write_qrels
from rank_retrieve.evaluation.runs import Run, read_run, write_run
from rank_retrieve.evaluation.significance import (
    bonferroni,
    fisher_randomisation,
    holm,
    mean_interval,
    paired_t,
)

__all__ = [
    "DEFAULT_METRICS",
    "Comparison",
    "Comparisons",
    "Corpus",
    "Curve",
    "CurvePoint",
    "Dataset",
    "Evaluation",
    "FusionFit",
    "Qrels",
    "Run",
    "bonferroni",
    "evaluate",
    "fisher_randomisation",
    "fit_fusion",
    "holm",
    "judged_queries",
    "load_beir",
    "mean_interval",
    "measure_curve",
    "methods_for",
    "paired_t",
    "read_qrels",
    "read_queries",
    "read_run",
    "write_qrels",
    "write_run",
]
