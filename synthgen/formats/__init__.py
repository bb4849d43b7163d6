"""Formats: how other tools lay out a row, read (recognised by columns) and written."""

FORMATS = {
    "preference": "synthgen.formats.preference:Preference",
    "alpaca": "synthgen.formats.alpaca:Alpaca",
    "messages": "synthgen.formats.messages:Messages",
    "sharegpt": "synthgen.formats.sharegpt:ShareGPT",
    "prompt_completion": "synthgen.formats.prompt_completion:PromptCompletion",
}
"""Format name -> "module:Class", in the order in which a record's columns are tried."""
