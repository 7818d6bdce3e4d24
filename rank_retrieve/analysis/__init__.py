"""How does text become terms? By a named analyzer: `get_analyzer("english")`.

An `Analyzer` serves queries and highlights, text by text; a `Vocabulary` serves indexing,
many texts at a time, and numbers the terms.
"""

from rank_retrieve.analysis.analyzer import Analyzer, Token, check_text, get_analyzer
from rank_retrieve.analysis.recipes import analyzer_names
from rank_retrieve.analysis.vocabulary import TokenRuns, Vocabulary

__all__ = [
    "Analyzer",
    "Token",
    "TokenRuns",
    "Vocabulary",
    "analyzer_names",
    "check_text",
    "get_analyzer",
]
