"""The card's head as the hub reads it, and what the text says."""

import pytest

from synthgen.formats.card import About, Step, Summary, make_card, size_category

huggingface_hub = pytest.importorskip("huggingface_hub")

ROW = {"instruction": "1 + 1?", "output": "2", "meta": {"teacher": "api.openai.com", "model": "m"}}


def card(about=None, file="data.jsonl", rows=1, layout="messages", record=None):
    summary = Summary(layout, file)
    for _ in range(rows):
        summary.add(ROW, record or {"messages": [{"role": "user", "content": "x"}]})
    return make_card(summary, {"rejected": {}}, about)


def test_the_head_is_what_the_hub_takes():
    about = About('Sums: "two" | --- x', "cc-by-4.0", ("en", "no"))
    data = huggingface_hub.DatasetCard(card(about)).data.to_dict()
    assert data == {
        "pretty_name": 'Sums: "two" | --- x',
        "license": "cc-by-4.0",
        "language": ["en", "no"],
        "size_categories": ["n<1K"],
        "task_categories": ["text-generation"],
        "configs": [{"config_name": "default", "data_files": [{"split": "train", "path": "data.jsonl"}]}],
        "tags": ["synthetic", "synthgen"],
    }


def test_what_nobody_said_is_unknown_or_left_out():
    data = huggingface_hub.DatasetCard(card(file="saved", layout="sharegpt_kto")).data.to_dict()
    assert data["license"] == "unknown" and "language" not in data and data["tags"][-1] == "kto"
    assert data["configs"][0]["data_files"][0]["path"] == "saved/*.arrow"


@pytest.mark.parametrize(
    ("rows", "size"),
    [(1, "n<1K"), (999, "n<1K"), (1000, "1K<n<10K"), (99_999, "10K<n<100K"), (10**6, "1M<n<10M")],
)
def test_sizes_are_the_hubs_words(rows, size):
    assert size_category(rows) == size


def test_the_recipe_and_the_terms_are_told():
    steps = [
        Step("load", "load", "", 5, 4, {"broken_line": 1}),
        Step("clean|up", "decontaminate", "against a.jsonl", 4, 3, {"near": 1}, 70),
    ]
    text = card(About(version="ab12" * 16, steps=steps, terms=lambda teacher: f"terms of {teacher}"))
    assert "| `load` |  | 5 | 4 | broken_line 1 |" in text
    assert "| `clean\\|up` (decontaminate) | against a.jsonl | 4 | 3 | near 1 |" in text
    assert "against 70 evaluation rows: dropped as repeating one: 1." in text
    assert "Version `ab12ab12ab12`," in text and f"`{'ab12' * 16}`" in text
    assert "- `api.openai.com`: terms of api.openai.com." in text


def test_without_a_past_it_says_so():
    text = card()
    assert "Nothing is recorded" in text and "decontaminate" not in text


def test_conversations_that_llama_factory_skips_are_counted():
    turns = [{"from": role, "value": "x"} for role in ("system", "human", "human", "gpt")]
    uneven = card(rows=3, layout="sharegpt", record={"conversations": turns})
    assert "3 conversations do not go user, assistant" in uneven
    even = card(layout="sharegpt", record={"conversations": [turns[0], *turns[2:]]})
    assert "do not go user" not in even
