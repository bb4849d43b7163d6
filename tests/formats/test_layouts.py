import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthgen.core.registry import find, names
from synthgen.formats.contract import Unfit
from synthgen.formats.conversation import turns_of
from synthgen.formats.instruction import REPEATED
from synthgen.formats.meaning import ABSENT, NULLS

WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=REPEATED - 1).filter(
    lambda text: text.strip() and text not in NULLS
)
TURN = st.builds(
    lambda role, content: {"role": role, "content": content}, st.sampled_from(["user", "assistant"]), WORDS
)
SAID = WORDS.filter(lambda text: text not in ABSENT)  # "-" and the like are read as nothing there
INSTRUCTION = st.fixed_dictionaries(
    {"instruction": WORDS, "output": WORDS}, optional={"input": SAID, "system": SAID}
)
CONVERSATION = st.builds(
    lambda turns, end: {"messages": [*turns, {"role": "assistant", "content": end}]},
    st.lists(TURN, min_size=1, max_size=4).filter(lambda turns: any(t["role"] == "user" for t in turns)),
    WORDS,
)
PREFERENCE = st.fixed_dictionaries({"prompt": WORDS, "chosen": WORDS, "rejected": WORDS}).filter(
    lambda row: row["chosen"] != row["rejected"]
)
JUNK = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False),
        st.text(max_size=5),
        st.binary(max_size=3),
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["role", "content", "from", "value", "type", "text"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)
COLUMNS = [
    "instruction",
    "input",
    "output",
    "system",
    "messages",
    "conversations",
    "prompt",
    "completion",
    "chosen",
    "rejected",
    "tools",
    "images",
    "context",
    "response",
    "history",
    "options",
    "label",
    "reference",
    "dialogue",
    "message_tree_id",
]


def layout(name):
    return find("format", name)()


@given(INSTRUCTION)
@pytest.mark.parametrize("name", ["alpaca", "dolly"])
def test_instructions_come_back_whole(name, row):
    assert layout(name).read(layout(name).write(row)) == row


@given(WORDS, WORDS)
def test_a_tree_gives_back_the_path_that_it_was_given(question, answer):
    row = {"messages": turns_of({"instruction": question, "output": answer})}
    read = layout("oasst_tree").read(layout("oasst_tree").write(row))
    assert read["messages"] == row["messages"]


@given(CONVERSATION)
@pytest.mark.parametrize("name", ["messages", "sharegpt", "prompt_completion"])
def test_conversations_come_back_whole(name, row):
    record = layout(name).write(row)
    assert layout(name).recognises(record.keys())
    assert layout(name).read(record) == row


@given(INSTRUCTION)
@pytest.mark.parametrize("name", ["messages", "sharegpt", "prompt_completion"])
def test_an_instruction_becomes_the_conversation_that_asks_it(name, row):
    assert layout(name).read(layout(name).write(row)) == {"messages": turns_of(row)}


@given(PREFERENCE)
@pytest.mark.parametrize("name", ["preference", "sharegpt_preference"])
def test_preferences_come_back_as_turns(name, row):
    written = layout(name).write(row)
    assert layout(name).recognises(written)
    assert layout(name).read(written) == {
        "prompt": [{"role": "user", "content": row["prompt"]}],
        "chosen": [{"role": "assistant", "content": row["chosen"]}],
        "rejected": [{"role": "assistant", "content": row["rejected"]}],
    }


@given(CONVERSATION, st.booleans())
@pytest.mark.parametrize("name", ["unpaired", "sharegpt_kto"])
def test_labelled_conversations_come_back_whole(name, row, label):
    written = layout(name).write({**row, "label": label})
    assert layout(name).recognises(written)
    assert layout(name).read(written) == {**row, "label": label}


@given(st.dictionaries(st.sampled_from(COLUMNS), JUNK))
def test_any_record_is_read_or_refused_by_rule(record):
    for name in names("format"):
        form = layout(name)
        if form.recognises(record.keys()):
            try:
                form.read(record)
            except Unfit as fault:
                assert fault.rule in (
                    "missing_field",
                    "not_text",
                    "malformed_messages",
                    "unsupported_content",
                    "not_to_learn",
                    "no_such_option",
                    "undecided_label",
                )


@pytest.mark.parametrize(
    ("name", "record"),
    [
        (
            "messages",
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
        ),
        (
            "messages",
            {
                "messages": [
                    {"role": "user", "content": "q"},
                    {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
                ]
            },
        ),
        ("messages", {"messages": [{"role": "tool", "content": "42"}]}),
        ("messages", {"messages": [{"role": "user", "content": "q"}], "tools": [{"name": "search"}]}),
        ("messages", {"messages": [{"role": "user", "content": "q"}], "images": ["a.png"]}),
        (
            "sharegpt",
            {"conversations": [{"from": "human", "value": "q"}, {"from": "function_call", "value": "{}"}]},
        ),
        ("alpaca", {"instruction": b"\x89PNG"}),
    ],
)
def test_images_and_tool_calls_are_refused_by_name(name, record):
    with pytest.raises(Unfit) as caught:
        layout(name).read(record)
    assert caught.value.rule == "unsupported_content"


@pytest.mark.parametrize(
    ("name", "record", "rule"),
    [
        ("alpaca", {"instruction": "  "}, "missing_field"),
        ("alpaca", {"instruction": None}, "missing_field"),
        ("alpaca", {"instruction": "q", "output": {"text": "a"}}, "not_text"),
        ("messages", {"messages": []}, "missing_field"),
        ("messages", {"messages": "hello"}, "malformed_messages"),
        ("messages", {"messages": [{"role": "narrator", "content": "x"}]}, "malformed_messages"),
        ("messages", {"messages": [{"role": "user"}]}, "malformed_messages"),
        ("prompt_completion", {"prompt": "q", "completion": ""}, "missing_field"),
        (
            "prompt_completion",
            {"prompt": "q", "completion": [{"role": "assistant", "content": "a"}]},
            "malformed_messages",
        ),
        ("preference", {"prompt": "q", "chosen": "a", "rejected": None}, "missing_field"),
    ],
)
def test_what_is_no_row_says_why(name, record, rule):
    with pytest.raises(Unfit) as caught:
        layout(name).read(record)
    assert caught.value.rule == rule


@pytest.mark.parametrize(
    ("name", "row"),
    [
        (
            "alpaca",
            {
                "messages": [
                    {"role": role, "content": "x"} for role in ("user", "assistant", "user", "assistant")
                ]
            },
        ),
        ("messages", {"instruction": "q"}),
        ("messages", {"messages": [{"role": "user", "content": "q"}]}),
        ("sharegpt", {"prompt": "q", "chosen": "a", "rejected": "b"}),
        ("preference", {"instruction": "q", "output": "a"}),
    ],
)
def test_a_row_that_a_format_cannot_hold_is_refused(name, row):
    with pytest.raises(Unfit):
        layout(name).write(row)


def test_numbers_are_taken_as_text():
    assert layout("alpaca").read({"instruction": "6*7?", "reference": 42, "output": 4.5}) == {
        "instruction": "6*7?",
        "reference": "42",
        "output": "4.5",
    }


def test_text_parts_and_keys_of_turns_survive():
    turns = [
        {
            "role": "user",
            "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
            "name": "Ann",
            "tool_calls": None,
        }
    ]
    assert layout("messages").read({"messages": turns}) == {
        "messages": [{"role": "user", "content": "a\nb", "name": "Ann"}]
    }


def test_sharegpt_reads_the_names_that_are_about():
    record = {
        "system": "Be brief.",
        "conversations": [{"from": "user", "value": "q"}, {"from": "chatgpt", "value": "a"}],
        "lang": "en",
    }
    roles = [turn["role"] for turn in layout("sharegpt").read(record)["messages"]]
    assert roles == ["system", "user", "assistant"]
    assert layout("sharegpt").read(record)["lang"] == "en"


def test_a_rationale_and_its_answer_are_the_answer_where_there_is_no_output():
    row = {"instruction": "1+1?", "rationale": "One and one.", "final_answer": "2", "reference": "2"}
    assert layout("alpaca").write(row)["output"] == "One and one.\n\n2"
