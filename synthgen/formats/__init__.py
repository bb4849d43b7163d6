"""Formats: how other tools lay out a row, read (recognised by columns) and written."""

FORMATS = {
    "alpaca": "synthgen.formats.alpaca:Alpaca",
    "messages": "synthgen.formats.messages:Messages",
    "prompt_completion": "synthgen.formats.prompt_completion:PromptCompletion",
    "sharegpt": "synthgen.formats.sharegpt:ShareGPT",
}
"""Format name -> "module:Class"."""
