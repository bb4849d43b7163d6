from hypothesis import given
from hypothesis import strategies as st

from synthgen.similarity.exact import Exact, ExactConfig, normalised


def test_case_space_and_compatible_forms_do_not_matter():
    assert normalised("  Ｆｕｌｌ\u00a0width\tﬁne \n Straße ") == "full width fine strasse"


@given(st.text())
def test_normalising_twice_changes_nothing_that_matters(text):
    keys = Exact(ExactConfig()).keys([text, f" {text}\n"])
    assert keys[0] == keys[1]


def test_verbatim_where_asked():
    keys = Exact(ExactConfig(normalise=False)).keys(["A", "a", " ", ""])
    assert keys[0] != keys[1]
    assert keys[2:] == [None, None]


def test_equal_texts_share_their_survey_and_score_one():
    exact = Exact(ExactConfig())
    numbers = exact.survey(["One", "one ", "other", " ", ""])[:, 0]
    assert numbers[0] == numbers[1] != numbers[2]
    assert numbers[3] == numbers[4] == 0
    one, same, other = exact.keys(["One", "one ", "other"])
    assert exact.scores(one, [same, other]).tolist() == [1.0, 0.0]


def test_lone_surrogates_are_compared_too():
    assert Exact(ExactConfig()).keys(["\ud800"])[0] is not None
