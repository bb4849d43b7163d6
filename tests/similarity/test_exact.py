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


def test_the_match_is_the_first_row_with_the_text_unless_it_is_a_sample_of_the_same_question():
    exact = Exact(ExactConfig())
    one, other = exact.keys(["one", "other"])
    index = exact.index()
    index.add(one, 4, group=1)
    index.add(one, 5, group=1)
    assert index.nearest(one, group=1) is None
    assert index.nearest(one, group=2) == (4, 1.0)
    assert index.nearest(one) == (4, 1.0)
    assert index.nearest(other) is None


def test_lone_surrogates_are_compared_too():
    assert Exact(ExactConfig()).keys(["\ud800"])[0] is not None
