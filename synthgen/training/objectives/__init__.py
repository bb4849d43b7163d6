"""What a student learns and by which loss, one objective a file; see `contract`."""

OBJECTIVES = {
    "feature": "synthgen.training.objectives.feature:Feature",
    "mutual": "synthgen.training.objectives.mutual:Mutual",
    "multi_task": "synthgen.training.objectives.multi_task:MultiTask",
    "odds_ratio": "synthgen.training.objectives.odds_ratio:OddsRatio",
    "preference": "synthgen.training.objectives.preference:Preference",
    "relation": "synthgen.training.objectives.relation:Relation",
    "response": "synthgen.training.objectives.response:Response",
    "stored_response": "synthgen.training.objectives.stored_response:StoredResponse",
    "supervised": "synthgen.training.objectives.supervised:Supervised",
    "unpaired": "synthgen.training.objectives.unpaired:Unpaired",
}
"""Objective -> "module:Class"."""
