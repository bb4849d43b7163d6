"""What mends a row that cannot be trained on, by the fault that preflight or validate found."""

from __future__ import annotations

from synthgen.training.templates import advice

TURNS_FAULTS = {
    "tool_calls": "a student learns text: leave rows with tool calls out, or write the calls as text",
    "turn_not_text": "give each turn's content as one text: `load` joins parts of text, and names images",
    "reasoning_left_out": (
        "completion: think_tags learns a turn's thinking with its answer; unfit: keep learns the answer alone"
    ),
}
"""What mends what a row's turns hold that is not learned."""


def advice_for(fault: str, detail: str = "") -> str:
    """What mends a fault of the chat template; `detail` holds its words where it refuses."""
    if fault in TURNS_FAULTS:
        return TURNS_FAULTS[fault]
    if fault == "template":
        return advice(detail)
    if fault == "prompt_not_prefix":
        return (
            "make both the same with student: {chat_template_kwargs: {enable_thinking: …}} where the "
            "template knows it, or with a template of your own, student: {chat_template: FILE}"
        )
    if fault == "same_answers":
        return (
            "a chosen answer that is also the rejected one says nothing: take those rows out, or raise "
            "max_length where the answers only part behind it"
        )
    if fault == "no_logprobs":
        return (
            "have logprobs ask about these rows, with the completion, learn, max_length, tokenizer and chat "
            "template of the stage that trains"
        )
    if fault == "unaligned":
        return (
            "a teacher that sees more than the student has to read the same answer behind it: shorten what "
            "it sees, or leave sees out"
        )
    if fault == "answer_changed":
        return (
            "put right what the rows hold, or give a template that writes answers as they are, student: "
            "{chat_template: FILE}"
        )
    return (
        "name the token that the chat template writes after an answer with student: {eos_token: …}, or give "
        "a template that writes {{ eos_token }} there with student: {chat_template: FILE}"
    )
