"""Stages: each a function from (inputs, config) to an output folder; see `contract`."""

STAGES = {
    "load": "synthgen.stages.load",
    "split": "synthgen.stages.split",
    "generate": "synthgen.stages.generate",
    "filter": "synthgen.stages.filter",
    "dedup": "synthgen.stages.dedup",
    "decontaminate": "synthgen.stages.decontaminate",
    "score": "synthgen.stages.score",
    "select": "synthgen.stages.select",
    "block": "synthgen.stages.block",
    "pairs": "synthgen.stages.pairs",
    "export": "synthgen.stages.export",
    "sft": "synthgen.stages.sft",
    "evaluate": "synthgen.stages.evaluate",
}
"""Stage kind -> its module."""
