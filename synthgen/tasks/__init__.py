"""Tasks: what a teacher is asked, and how its reply becomes rows; see `contract`."""

TASKS = {
    "attributes": "synthgen.tasks.attributes:Attributes",
    "conversation": "synthgen.tasks.conversation:Conversation",
    "documents": "synthgen.tasks.documents:Documents",
    "evolve": "synthgen.tasks.evolve:Evolve",
    "magpie": "synthgen.tasks.magpie:Magpie",
    "preferences": "synthgen.tasks.preferences:Preferences",
    "rationale": "synthgen.tasks.rationale:Rationale",
    "respond": "synthgen.tasks.respond:Respond",
    "self_instruct": "synthgen.tasks.self_instruct:SelfInstruct",
}
"""Task name -> "module:Class"."""
