"""Teachers: presets of providers, and the transports that reach them."""

PROVIDERS = {
    "openai": "synthgen.teachers.presets:OpenAI",
    "azure": "synthgen.teachers.presets:Azure",
    "openrouter": "synthgen.teachers.presets:OpenRouter",
    "anthropic": "synthgen.teachers.presets:Anthropic",
    "vllm": "synthgen.teachers.vllm_server:VLLM",
    "builtin": "synthgen.teachers.builtin:Builtin",
}
"""Provider name -> "module:Class"."""
