"""What a card says to LLaMA-Factory and axolotl, read as their documents say that they read it.

The two readers below are written from LLaMA-Factory's `data/README.md` and axolotl's
`docs/dataset-formats` and `docs/rlhf.qmd`: which keys there are, what each holds, and in which order
turns go.
"""

import json

import pytest
from ruamel.yaml import YAML

from synthgen.core.registry import find
from synthgen.formats.trainer_lines import trainer_lines

ROWS: dict[str, list[dict]] = {
    "sft": [
        {"instruction": "2 + 2?", "input": "quick", "output": "4"},
        {"instruction": "2 + 3?", "system": "Add.", "output": "5"},
        {
            "messages": [
                {"role": "user", "content": "Hi"},
                {"role": "assistant", "content": "Hello"},
                {"role": "user", "content": "Bye"},
                {"role": "assistant", "content": "See you"},
            ]
        },
    ],
    "pairs": [
        {"prompt": "2 + 2?", "chosen": "4", "rejected": "5"},
        {
            "prompt": [{"role": "system", "content": "Add."}, {"role": "user", "content": "2 + 3?"}],
            "chosen": [{"role": "assistant", "content": "5"}],
            "rejected": [{"role": "assistant", "content": "6"}],
        },
    ],
    "labelled": [
        {"instruction": "2 + 2?", "output": "4", "label": True},
        {"instruction": "2 + 3?", "output": "6", "label": False, "system": "Add."},
    ],
}
LAYOUTS = {
    "alpaca": ROWS["sft"][:2],
    "messages": ROWS["sft"],
    "sharegpt": ROWS["sft"],
    "prompt_completion": ROWS["sft"],
    "preference": ROWS["pairs"],
    "sharegpt_preference": ROWS["pairs"],
    "unpaired": ROWS["labelled"],
    "sharegpt_kto": ROWS["labelled"],
}
COLUMNS = {
    "prompt",
    "query",
    "response",
    "history",
    "messages",
    "system",
    "tools",
    "chosen",
    "rejected",
    "kto_tag",
}
TAGS = {
    "role_tag",
    "content_tag",
    "user_tag",
    "assistant_tag",
    "observation_tag",
    "function_tag",
    "system_tag",
}
OWN_TAGS = {
    "role_tag": "from",
    "content_tag": "value",
    "user_tag": "human",
    "assistant_tag": "gpt",
    "system_tag": "system",
}


def written(layout):
    records = [find("format", layout)().write(row) for row in LAYOUTS[layout]]
    fields = {name: None for record in records for name in record}
    return [{name: record.get(name) for name in fields} for record in records]  # as datasets fills a table


def llama_factory(entry, record):
    """What LLaMA-Factory makes of a record: its system text, the turns of its prompt, and its answers."""
    assert {*entry} <= {"file_name", "formatting", "ranking", "columns", "tags"} and entry["file_name"]
    columns = entry["columns"]
    assert {*columns} <= COLUMNS and {*entry.get("tags", {})} <= TAGS
    assert all(name in record for name in columns.values())
    if entry.get("formatting", "alpaca") == "alpaca":
        assert "ranking" not in entry
        asked = [record[columns[name]] for name in ("prompt", "query") if record[columns[name]]]
        system = record[columns["system"]] if "system" in columns else ""
        return system or "", ["\n".join(asked)], [record[columns["response"]]]
    tags = entry.get("tags", OWN_TAGS)
    turns = [(turn[tags["role_tag"]], turn[tags["content_tag"]]) for turn in record[columns["messages"]]]
    system = turns.pop(0)[1] if turns[0][0] == tags["system_tag"] else ""
    wanted = [tags["user_tag"], tags["assistant_tag"]]
    assert all(role == wanted[at % 2] for at, (role, _) in enumerate(turns))
    assert len(turns) % 2 == (1 if entry.get("ranking") else 0)
    texts = [text for _, text in turns]
    if entry.get("ranking"):
        answers = [record[columns[name]] for name in ("chosen", "rejected")]
        assert all(answer[tags["role_tag"]] == tags["assistant_tag"] for answer in answers)
        return system, texts, [answer[tags["content_tag"]] for answer in answers]
    if "kto_tag" in columns:
        return system, texts[:-1], [record[columns["kto_tag"]], texts[-1]]
    return system, texts[:-1], texts[-1:]


def axolotl(config, record):
    """What axolotl makes of a record: its turns by role, and its answers."""
    (dataset,) = config["datasets"]
    assert dataset["path"] and dataset["ds_type"] in ("json", "parquet", "arrow")
    kind = dataset["type"]
    if kind == "alpaca":
        assert "system" not in record
        return [record["instruction"], record["input"]], [record["output"]]
    if kind == "alpaca_w_system.load_instruct":
        return [record["system"] or "", record["instruction"], record["input"]], [record["output"]]
    names = dataset.get("message_property_mappings", {"role": "role", "content": "content"})
    roles = dataset.get("roles", {role: [role] for role in ("user", "assistant", "system")})
    ours = {theirs: role for role, several in roles.items() for theirs in several}

    def turn(one):
        return ours[one[names["role"]]], one[names["content"]]

    turns = [turn(one) for one in record[dataset.get("field_messages", "messages")]]
    if kind == "chat_template":
        assert "rl" not in config and turns[-1][0] == "assistant"
        return [text for _, text in turns[:-1]], [turns[-1][1]]
    assert (config["rl"], kind, dataset["split"]) == ("dpo", "chat_template.default", "train")
    answers = [
        record[name][-1] if isinstance(record[name], list) else record[name]
        for name in ("chosen", "rejected")
    ]
    assert {turn(one)[0] for one in answers} == {"assistant"}
    return [text for _, text in turns], [turn(one)[1] for one in answers]


def lines(layout, file="train.jsonl"):
    records = written(layout)
    return {one.tool: one for one in trainer_lines(layout, file, set(records[0]), "my data")}, records


@pytest.mark.parametrize("layout", ["alpaca", "messages", "sharegpt", "sharegpt_preference", "sharegpt_kto"])
def test_llama_factory_reads_questions_and_answers(layout):
    told, records = lines(layout)
    (entry,) = json.loads(told["LLaMA-Factory"].text).values()
    read = [llama_factory(entry, record) for record in records]
    if layout == "alpaca":
        assert read == [("", ["2 + 2?\nquick"], ["4"]), ("Add.", ["2 + 3?"], ["5"])]
    elif layout == "sharegpt_preference":
        assert read == [("", ["2 + 2?"], ["4", "5"]), ("Add.", ["2 + 3?"], ["5", "6"])]
    elif layout == "sharegpt_kto":
        assert read == [("", ["2 + 2?"], [True, "4"]), ("Add.", ["2 + 3?"], [False, "6"])]
    else:
        assert read[:2] == [("", ["2 + 2?\n\nquick"], ["4"]), ("Add.", ["2 + 3?"], ["5"])]
        assert read[2] == ("", ["Hi", "Hello", "Bye"], ["See you"])


@pytest.mark.parametrize("layout", ["alpaca", "messages", "sharegpt", "preference", "sharegpt_preference"])
def test_axolotl_reads_questions_and_answers(layout):
    told, records = lines(layout)
    config = YAML(typ="safe").load(told["axolotl"].text)
    read = [axolotl(config, record) for record in records]
    if layout == "alpaca":
        assert read[1] == (["Add.", "2 + 3?", ""], ["5"])
    elif "preference" in layout:
        assert read == [(["2 + 2?"], ["4", "5"]), (["Add.", "2 + 3?"], ["5", "6"])]
    else:
        assert read[1] == (["Add.", "2 + 3?"], ["5"]) and read[2] == (["Hi", "Hello", "Bye"], ["See you"])


def test_alpaca_without_system_texts_needs_no_place_for_them():
    told = {one.tool: one.text for one in trainer_lines("alpaca", "a.json", {"instruction", "input"}, "x")}
    assert "system" not in told["LLaMA-Factory"] and "type: alpaca\n" in told["axolotl"] + "\n"


@pytest.mark.parametrize(
    ("tool", "layout", "file", "why"),
    [
        ("LLaMA-Factory", "prompt_completion", "a.jsonl", "export `messages`"),
        ("LLaMA-Factory", "preference", "a.jsonl", "export `sharegpt_preference`"),
        ("LLaMA-Factory", "unpaired", "a.jsonl", "export `sharegpt_kto`"),
        ("axolotl", "unpaired", "a.jsonl", "KTO layouts are texts"),
        ("axolotl", "sharegpt_kto", "a.jsonl", "KTO layouts are texts"),
        ("axolotl", "jsonl", "a.jsonl", "rows as synthgen keeps them"),
        ("LLaMA-Factory", "messages", "a.jsonl.gz", "a .jsonl.gz file"),
        ("LLaMA-Factory", "messages", "a.csv", "a .csv file"),
        ("axolotl", "alpaca", "a.csv", "a .csv file"),
        ("axolotl", "messages", "folder", "a folder"),
    ],
)
def test_what_a_tool_cannot_read_has_no_lines(tool, layout, file, why):
    told = {one.tool: one for one in trainer_lines(layout, file, {"instruction"}, "x")}[tool]
    assert told.text == "" and why in told.why_none


def test_a_name_of_anything_becomes_one_word():
    told = trainer_lines("alpaca", "a.json", set(), "Ärzte & sums: v2")[0].text
    assert [*json.loads(told)] == ["Ärzte_sums_v2"]
