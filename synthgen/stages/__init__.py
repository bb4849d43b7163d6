"""Stages: each a value that goes from (inputs, config) to a folder; see `contract`."""

STAGES = {
    "load": "synthgen.stages.load:STAGE",
    "map": "synthgen.stages.map.run:STAGE",
    "split": "synthgen.stages.split:STAGE",
    "generate": "synthgen.stages.generate.run:STAGE",
    "filter": "synthgen.stages.filter:STAGE",
    "dedup": "synthgen.stages.dedup:STAGE",
    "decontaminate": "synthgen.stages.decontaminate.run:STAGE",
    "score": "synthgen.stages.score.run:STAGE",
    "logprobs": "synthgen.stages.logprobs.run:STAGE",
    "select": "synthgen.stages.select.run:STAGE",
    "export": "synthgen.stages.export:STAGE",
    "sft": "synthgen.stages.sft:STAGE",
    "distill": "synthgen.stages.distill.run:STAGE",
    "prefer": "synthgen.stages.prefer:STAGE",
    "evaluate": "synthgen.stages.evaluate.run:STAGE",
    "export_model": "synthgen.stages.export_model.run:STAGE",
    "measure": "synthgen.stages.measure.run:STAGE",
}
"""Stage kind -> "module:NAME", in the order in which data flows: what a pipeline file can name."""

INTERNAL_STAGES = {
    "block": "synthgen.stages.sharding.block:STAGE",
    "pairs": "synthgen.stages.sharding.pairs:STAGE",
}
"""Stages that `--shard` puts into a shard's pipeline."""

EVERY_STAGE = {**STAGES, **INTERNAL_STAGES}
