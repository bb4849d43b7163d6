"""Formats: how other tools lay out a row, read (recognised by columns) and written."""

FORMATS = {
    "preference": "synthgen.formats.layouts.preference:Preference",
    "oasst_tree": "synthgen.formats.layouts.oasst_tree:OasstTree",
    "dolly": "synthgen.formats.layouts.dolly:Dolly",
    "alpaca": "synthgen.formats.layouts.alpaca:Alpaca",
    "messages": "synthgen.formats.layouts.messages:Messages",
    "sharegpt": "synthgen.formats.layouts.sharegpt:ShareGPT",
    "multiple_choice": "synthgen.formats.layouts.multiple_choice:MultipleChoice",
    "accepted_answers": "synthgen.formats.layouts.accepted_answers:AcceptedAnswers",
    "prompt_completion": "synthgen.formats.layouts.prompt_completion:PromptCompletion",
    "unpaired": "synthgen.formats.layouts.unpaired:Unpaired",
    "sharegpt_preference": "synthgen.formats.layouts.sharegpt_preference:SharegptPreference",
    "sharegpt_kto": "synthgen.formats.layouts.sharegpt_kto:SharegptKto",
    "transcript": "synthgen.formats.layouts.transcript:Transcript",
}
"""Format name -> "module:Class", in the order in which a record's columns are tried.

`unpaired`, `sharegpt_preference` and `sharegpt_kto` stand behind the layouts whose columns they share, so
that only their names choose them.
"""
