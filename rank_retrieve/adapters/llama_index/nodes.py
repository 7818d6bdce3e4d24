"""LlamaIndex's nodes and our documents.

How one stands for the other:

    TextNode(id_="n1", text="A cat.", metadata={"year": 2021}, embedding=[...])
    {"id": "n1", "text": "A cat.", "metadata": {"year": 2021}, "embedding": [...],
    "ref_doc_id": "d1", "node_type": "TextNode", "node": "{... relationships, offsets ...}"}
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from llama_index.core.schema import BaseNode, MetadataMode
from llama_index.core.vector_stores.utils import metadata_dict_to_node

from rank_retrieve.adapters.passages import METADATA

TEXT = "text"
EMBEDDING = "embedding"
REF_DOC_ID = "ref_doc_id"
NODE = "node"
NODE_TYPE = "node_type"


def to_ours(node: BaseNode) -> dict[str, Any]:
    """What is put for a node; what JSON does not know in its metadata becomes a string."""
    rest = node.model_dump(mode="json")
    document = {
        "id": node.node_id,
        TEXT: node.get_content(metadata_mode=MetadataMode.NONE),
        METADATA: rest.get(METADATA) or {},
        REF_DOC_ID: node.ref_doc_id,
        NODE_TYPE: node.class_name(),
    }
    if node.embedding is not None:
        document[EMBEDDING] = node.embedding
    # stored above
    rest.update({EMBEDDING: None, METADATA: {}})
    rest.pop("text_resource", None)
    if TEXT in rest:
        rest[TEXT] = ""
    document[NODE] = json.dumps(rest, ensure_ascii=False)
    return document


def to_theirs(document: Mapping[str, Any], *, with_embedding: bool = False) -> BaseNode:
    """The node that was put, by default without its embedding."""
    stored = {"_node_content": document[NODE], "_node_type": document[NODE_TYPE]}
    node = metadata_dict_to_node(stored, text=document.get(TEXT))
    node.metadata = document.get(METADATA) or {}
    if with_embedding and EMBEDDING in document:
        node.embedding = document[EMBEDDING].tolist()
    return node
