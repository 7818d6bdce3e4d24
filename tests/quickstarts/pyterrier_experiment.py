"""The example of an index plug-in of PyTerrier; its import was `pyterrier_pisa.PisaIndex`."""

import pandas as pd
import pyterrier as pt

from rank_retrieve.adapters.pyterrier import RankRetrieveIndex as PisaIndex

documents = [
    {"docno": "d1", "text": "The quick brown fox jumps over the lazy dog"},
    {"docno": "d2", "text": "A fox is a small wild animal"},
    {"docno": "d3", "text": "Dogs are kept at home"},
]
topics = pd.DataFrame([["q1", "wild fox"], ["q2", "lazy dogs"]], columns=["qid", "query"])
qrels = pd.DataFrame([["q1", "d2", 1], ["q2", "d1", 1]], columns=["qid", "docno", "label"])

index = PisaIndex("./index.pisa")
index.index(documents)

bm25 = index.bm25()
print(bm25.search("fox")["docno"].tolist())
print((bm25 % 1)(topics)[["qid", "docno", "rank"]].to_string(index=False))
print(pt.Experiment([bm25], topics, qrels, eval_metrics=["recip_rank", "P_1"], names=["BM25"]))
