"""How instructions begin; the examples are written for this test."""

import pytest

from synthgen.reports.report.openings import opening


@pytest.mark.parametrize(
    ("text", "verb", "thing"),
    [
        ("Write a short story about a lighthouse.", "write", "story"),
        ("Please list three healthy breakfast ideas", "list", "ideas"),
        ("Give me two reasons why cats sleep so much.", "give", "reasons"),
        ("Translate the following sentence into Spanish: Good night.", "translate", "sentence"),
        ("Given the table below, name the fastest runner.", "name", "runner"),
        ("Name the metals mentioned in this text.", "name", "metals"),
        ("Explain why the sky is blue.", "explain", ""),
        ("Describe the GPT-3 model.", "describe", "model"),
        ("Rewrite: the dog barked", "rewrite", ""),
    ],
)
def test_verbs_and_what_they_are_done_to(text, verb, thing):
    assert opening(text) == (verb, thing, "")


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("Mark has 4 tickets. He buys 3 more. How many tickets has Mark now?", "how many"),
        ("Will sees 2 dogs. What is the number of legs?", "what is"),
        ("What's the capital of Peru?", "what is"),
        ("In which year did it end?", "which year"),
        ("How do planes fly", "how do"),
        ("Is Stella a knight?", "is"),
        ("Of the two coins, are both gold?", "are"),
        ("All that glitters is gold.", ""),
        ("The cat sat.", ""),
        ("", ""),
        ("??? !!", ""),
        ("鳥はなぜ飛ぶのですか?", ""),
    ],
)
def test_questions(text, asked):
    assert opening(text) == ("", "", asked)


def test_a_long_text_is_looked_at_from_its_start_only():
    assert opening("Summarise this text. " + "word " * 200_000).verb == "summarise"
