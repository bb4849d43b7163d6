"""Similarity: the algorithms under dedup, split and decontaminate."""

METHODS = {
    "exact": "synthgen.similarity.exact:Exact",
    "minhash": "synthgen.similarity.minhash:MinHash",
    "rouge_l": "synthgen.similarity.rouge_l:RougeL",
    "semantic": "synthgen.similarity.semantic:Semantic",
}
"""Dedup method -> "module:Class"."""
