"""Tasks: what a teacher is asked, and how its reply becomes rows; see `contract`."""

TASKS = {
    "evolve": "synthgen.tasks.evolve:Evolve",
    "rationale": "synthgen.tasks.rationale:Rationale",
    "respond": "synthgen.tasks.respond:Respond",
    "self_instruct": "synthgen.tasks.self_instruct:SelfInstruct",
}
"""Task name -> "module:Class"."""
