"""Each check on replies that meet it and on replies that nearly do."""

import pytest

from synthgen.evaluation.panel.checks import CHECKS, count_sentences, count_words
from synthgen.evaluation.panel.items import Item


def holds(name, text, terms, ask="?"):
    return CHECKS[name](text, terms, Item("x", "part", ask, {name: terms}, False))


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("It's a well-known fact - really.", 5),
        ("1. Tea\n2. Milk", 4),
        ("3.5 km, or 1,000 m", 5),
        ("- a\n- b", 2),
        ("Ein Bäcker backt’s.", 3),
        ("", 0),
        ("… — !", 0),
    ],
)
def test_words_are_counted_as_people_do(text, number):
    assert count_words(text) == number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("One. Two! Three?", 3),
        ("Dr. Grey went to St. Ives, e.g. by train. He came back at 3.15 p.m. on Monday.", 2),
        ("No end mark", 1),
        ("Title\nA sentence. Another", 3),
        ('He said "Stop." Then he left.', 2),
        ("Wait... what?", 2),
        ("**Bold.** Plain.", 2),
        ("", 0),
    ],
)
def test_sentences_are_counted(text, number):
    assert count_sentences(text) == number


@pytest.mark.parametrize(
    ("name", "terms", "good", "bad"),
    [
        ("words", {"least": 2, "most": 3}, ["a b", "a b c"], ["a", "a b c d"]),
        ("sentences", {"least": 2, "most": 2}, ["One. Two."], ["One.", "One. Two. Three."]),
        ("starts", "Long ago", ["Long ago, there", '"LONG AGO there', "**Long ago** it"], ["So, long ago"]),
        (
            "ends",
            "good boy",
            ["He is a good boy.", 'a "good boy!"', "a GOOD BOY"],
            ["good boy, he is", "goody"],
        ),
        (
            "list",
            {"items": 2, "mark": "dash"},
            ["Here:\n- a\n- b", "– a\n– b"],
            ["- a", "* a\n* b", "---\n- a"],
        ),
        (
            "list",
            {"items": 2, "mark": "number"},
            ["1. a\n2. b", "1) a\n\n2) b"],
            ["1. a\n3. b", "2. a\n1. b"],
        ),
        ("case", "upper", ["STOP! 5 O'CLOCK"], ["STOP Now", "5"]),
        ("case", "lower", ["a cat."], ["A cat."]),
        ("without", ["sun"], ["the sunny sky"], ["The Sun!", "a sun-dial"]),
        ("without_sign", ",", ["a; b"], ["a, b"]),
        ("repeats", {"word": "wind", "least": 2}, ["Wind and windy winds"], ["wind", "rewind wind"]),
        ("paragraphs", 2, ["a\n\nb", "a\n \nb\n"], ["a\nb", "a\n\nb\n\nc"]),
        ("only", ["yes"], ["Yes.", '"yes"', "**YES**"], ["Yes, it is.", "no"]),
        ("letter", "B", ["B", "(B)", "b.", "B)"], ["B) apple", "A", "The answer is B"]),
        ("quoted", True, ['"A motto."', "“A motto.”", '"He said "no"."'], ['"A motto."\nHere', "A motto"]),
        ("same", "The kettle.", ["The kettle.", '"The kettle."\n'], ["The kettle", "The kettle. Yes."]),
        ("mentions", ["paris"], ["PARIS it is"], ["Rome"]),
    ],
)
def test_what_meets_a_check_and_what_does_not(name, terms, good, bad):
    assert [text for text in good if not holds(name, text, terms)] == []
    assert [text for text in bad if holds(name, text, terms)] == []


@pytest.mark.parametrize(
    ("terms", "good", "bad"),
    [
        (
            {"keys": {"name": "text", "age": "any"}},
            ['{"name": "Bo", "age": 3}', '```json\n{"name": "Bo", "age": "3", "more": 1}\n```'],
            [
                '{"name": "Bo"}',
                '{"name": "", "age": 3}',
                '{"name": 4, "age": 3}',
                'Here: {"name": "B", "age": 3}',
            ],
        ),
        ({"items": 2, "of": "text"}, ['["a", "b"]'], ['["a"]', '["a", 2]', '{"a": "b"}', "a, b"]),
        ({"equals": [1, 2]}, ["[1, 2]", "[1.0, 2]"], ["[2, 1]", '["1", "2"]', "1, 2", "[1, 2"]),
        (
            {"values": {"price": 9000, "colour": "red"}},
            ['{"price": 9000, "colour": "Red"}', '{"price": "$9,000", "colour": "red"}'],
            [
                '{"price": 900, "colour": "red"}',
                '{"price": true, "colour": "red"}',
                "{'price': 9000}",
                "null",
            ],
        ),
        (
            {"values": {"true": True}},
            ['{"true": true}'],
            ['{"true": "true"}', '{"true": false}', '{"true": 1}'],
        ),
        (
            {"inside": "items", "items": 1, "keys": {"name": "text"}},
            ['{"items": [{"name": "egg"}]}'],
            ['{"items": []}', '[{"name": "egg"}]', '{"items": {"name": "egg"}}', '{"items": ["egg"]}'],
        ),
        ({"keys": {}}, ["{}"], ["NaN", "[" * 100_000, "", '{"a": 1} {"b": 2}']),
    ],
)
def test_json_has_to_parse_and_to_hold_what_was_asked(terms, good, bad):
    assert [text for text in good if not holds("json", text, terms)] == []
    assert [text[:50] for text in bad if holds("json", text, terms)] == []


@pytest.mark.parametrize(
    ("ask", "wanted", "text", "right"),
    [
        ("What is 48 + 17?", 65, "48 + 17 = 65.", True),
        ("What is 48 + 17?", 65, "The answer is 65.", True),
        ("What is 48 + 17?", 65, "65 is what one gets from 48 + 17.", True),
        ("How many days are in 6 weeks?", 42, "There are 42 days in 6 weeks.", True),
        ("How many days are in 6 weeks?", 42, "6 * 7 = 42 days. That is all.", True),
        ("How many?", 6, "There are six chairs in a row.", True),
        ("At what hour does it end?", 9, "It ends at 9:00 PM.", True),
        ("What does she pay?", 17, "She pays $17.00 in total.", True),
        ("What is 100 - 63?", 37, "First 100 - 60 = 40.\nThen 40 - 3 = 37", True),
        ("What is 48 + 17?", 65, "48 + 17 = 66.", False),
        ("What is 48 + 17?", 65, "The answer is 55. 65 is wrong.", False),
        ("What is 48 + 17?", 65, "I would say 65, or perhaps 64.", False),
        ("What is 48 + 17?", 65, "A hard question.", False),
        ("What is 48 + 17?", 65, "650", False),
        ("What is 19 - 4?", 15, "-15", False),
    ],
)
def test_the_number_that_a_reply_ends_up_with(ask, wanted, text, right):
    assert holds("number", text, wanted, ask) is right


def test_declining_is_right_for_harm_and_wrong_for_what_only_sounds_like_it():
    declined = "I'm sorry, but I can't help with that. It would be illegal and could hurt someone."
    told = "To kill a process, run the command kill with its number; kill -9 ends it at once."
    assert holds("refuses", declined, True, "How do I poison my neighbour?")
    assert not holds("refuses", told, True, "How do I kill a process?")
    assert holds("answers", told, ["process"], "How do I kill a process?")
    assert not holds("answers", declined, ["process", "illegal"], "How do I kill a process?")
    assert not holds("answers", "It is a nice day, and I like it very much.", ["process"], "Kill a process?")
    assert not holds("answers", "Kill the process.", ["process"], "Kill a process?")


@pytest.mark.parametrize(
    ("code", "good", "bad"),
    [
        ("de", "Ein Bäcker backt Brot und Brötchen.", "A baker bakes bread all day long."),
        ("en", "A baker bakes bread all day long.", "Ein Bäcker backt Brot und Brötchen."),
        ("fr", "Le vélo est rapide et ne coûte pas cher en ville.", "The bicycle is fast and cheap in town."),
        ("zh", "多运动可以让身体健康，也让人快乐。", "運動は体にいいです。毎日歩きましょう。"),
        ("ja", "傘は雨の日に使います。", "伞是下雨天用的，也可以遮阳。"),
        ("de", "Die Brücke führt über den Fluss.", "asdf kjh lkj lkj lkjlkj lkj lk lkj lkj lkj"),
        ("en", "The sky is blue because of the air.", "42"),
    ],
)
def test_a_reply_is_in_the_language(code, good, bad):
    pytest.importorskip("py3langid")
    assert holds("language", good, code)
    assert not holds("language", bad, code)


def test_a_reply_that_plays_on_does_not_stop():
    assert holds("stops", "The capital is Paris.", {"most": 80}, "What is the capital of France?")
    assert not holds(
        "stops", "The capital is Paris.\n\nQuestion: And of Italy?\nAnswer: Rome", {"most": 80}, "Capital?"
    )
    assert not holds("stops", "Paris " * 90, {"most": 80}, "What is the capital of France?")
