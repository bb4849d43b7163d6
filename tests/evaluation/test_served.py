"""What is known of a model without its weights, and its replies' texts as transformers would give them."""

import pytest

from synthgen.core.errors import ConfigError, StageFailed
from synthgen.core.progress import Reporter
from synthgen.dispatch.session import open_sessions
from synthgen.evaluation.generation import Decoding, LocalModel
from synthgen.evaluation.local import Local, answers_of
from synthgen.evaluation.served import OwnTemplate, served_answers
from synthgen.evaluation.teacher import Drawn
from synthgen.evaluation.through import Through
from tests.evaluation.tiny_models import TEMPLATE, tiny_model
from tests.servers.serving import ServingServer

pytestmark = pytest.mark.slow

THOUGHTLESS = TEMPLATE.replace(
    "{{ turn.content }}",
    "{% if turn.role == 'assistant' %}<think>\n\n</think>\n\n{% endif %}{{ turn.content }}",
)
OPENS = TEMPLATE.replace("<|im_start|>assistant\n{% endif", "<|im_start|>assistant\n<think>\n{% endif")
QUESTION = "What is 1 and 2?"
ROWS = [{"id": "1", "instruction": QUESTION}, {"id": "2", "instruction": "What is 5 and 5?"}]


def local(folder, role="student", tokenizer=None, **more):
    return Local("one", role, str(folder), str(tokenizer or folder), "digest", "", **more)


def both(folder, tmp_path, role, fault=""):
    """The answers in this process and through a server, and the prompts of the latter."""
    asked = local(folder, role)
    here = answers_of(asked, ROWS, Decoding(40, 2, 1), tmp_path / "log", lambda done, made: None)
    with (
        ServingServer(folder, fault) as server,
        open_sessions(
            {},
            ledger_dir=tmp_path / "ledger",
            run="r",
            budget=None,
            reporter=Reporter("silent"),
            stopping=lambda: 0,
        ) as sessions,
    ):
        through = Through.model_validate({"base_url": server.url})
        there = served_answers(asked, ROWS, Drawn(), 40, through, sessions, stage="evaluate")
    return here.answers, there.model.answers, [body["prompt"] for body in server.bodies]


@pytest.mark.parametrize(
    ("text", "tokens", "says"),
    [("a", [1, 10**6], "token 1,000,000"), ("a", [-1], "token -1"), ("a", [], "a text and no token ids")],
)
def test_token_ids_that_are_no_reply_of_the_model_end_the_stage(tmp_path, text, tokens, says):
    template = OwnTemplate(local(tiny_model(tmp_path / "m")))
    assert template.said("", []) == ""
    with pytest.raises(StageFailed, match=says):
        template.said(text, tokens)


def test_without_weights_it_is_the_same_model(tmp_path):
    folder = tiny_model(tmp_path / "m", template=THOUGHTLESS)
    whole, known = LocalModel(folder, trained=True), OwnTemplate(local(folder))
    turns = [{"role": "user", "content": QUESTION}]
    assert known.encode(turns) == whole.encode(turns)
    assert (known.ends, known.window) == (whole.ends, whole.window)
    assert known.dtype == "float32" and known.known_tokens == whole._rows
    (folder / "generation_config.json").unlink()
    assert OwnTemplate(local(folder)).ends == known.ends


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("<think>\n\n</think>\n\nThe answer is 3.", "The answer is 3."),
        ("The answer is 3.", "The answer is 3."),
        ("The answer is 3.<|im_end|>", "The answer is 3."),
        ("<think>\n\nHm.</think>\n\n3", "<think>\n\nHm.</think>\n\n3"),
    ],
)
def test_what_a_template_writes_first_is_left_out(tmp_path_factory, text, kept):
    folder = tmp_path_factory.getbasetemp() / "thoughtless"
    if not folder.exists():
        tiny_model(folder, template=THOUGHTLESS)
    template, of_base = OwnTemplate(local(folder)), OwnTemplate(local(folder, "base"))
    ids = template.tokenizer(text, add_special_tokens=False)["input_ids"]
    assert template.said(text, None) == template.said("", ids) == kept
    plain = text.removesuffix("<|im_end|>")
    assert of_base.said(text, None) == of_base.said("", ids) == plain


@pytest.mark.parametrize("fault", ["", "says texts alone"])
def test_a_student_that_says_its_lead_first(tmp_path, fault):
    folder = tiny_model(
        tmp_path / "m", {QUESTION: "<think>\n\n</think>\n\nThe answer is 3."}, template=THOUGHTLESS, steps=150
    )
    here, there, _ = both(folder, tmp_path, "student", fault)
    assert [answer.text for answer in here] == [answer.text for answer in there]
    assert here[0].text == "The answer is 3." and here[0].parsed == there[0].parsed == "3"


def test_a_thought_that_the_template_opens_belongs_to_a_bases_reply(tmp_path):
    folder = tiny_model(tmp_path / "m", {QUESTION: "Hm.</think>The answer is 3."}, template=OPENS)
    here, there, prompts = both(folder, tmp_path, "base")
    assert here == there
    assert there[0].text == "<think>\nHm.</think>The answer is 3." and there[0].parsed == "3"
    assert len({tuple(prompt[-6:]) for prompt in prompts}) == 1


def test_a_base_that_lacks_its_students_tokens_is_not_sent_them(tmp_path):
    from transformers import AutoTokenizer

    folder = tiny_model(tmp_path / "m")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens(["<|new|>"])
    tokenizer.chat_template = TEMPLATE.replace("<|im_start|>assistant", "<|new|>assistant")
    tokenizer.save_pretrained(tmp_path / "more")
    asked = local(folder, "base", tmp_path / "more")
    with pytest.raises(ConfigError, match="tokens that it does not know") as raised:
        served_answers(asked, ROWS, Drawn(), 8, Through(), None, stage="evaluate")
    assert "through: transformers" in str(raised.value)


def test_files_that_cannot_be_read_and_a_missing_template(tmp_path):
    folder = tiny_model(tmp_path / "m", template=None)
    with pytest.raises(StageFailed, match="no chat template"):
        OwnTemplate(local(folder))
    (folder / "config.json").write_text("{")
    with pytest.raises(StageFailed, match="the model's files cannot be read"):
        OwnTemplate(local(folder))


def test_half_a_character_at_the_end_is_no_other_reply(tmp_path):
    """Weights that were never trained say bytes; a text leaves out those that make no character yet."""
    folder = tiny_model(tmp_path / "m", seed=1)
    here, there, _ = both(folder, tmp_path, "base")
    assert here == there and any("\ufffd" in answer.text for answer in here)
