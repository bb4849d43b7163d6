"""Teachers: presets of providers, and the transports that reach them."""

PROVIDERS = {
    "openai": "synthgen.teachers.presets:OpenAI",
    "builtin": "synthgen.teachers.builtin:Builtin",
}
"""Provider name -> "module:Class"."""
