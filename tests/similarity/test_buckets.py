"""Rows that occur many times, against the definition: each one with every kept row that shares a band."""

import random

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgen.core.registry import Choice, find
from synthgen.similarity import earlier_rows
from synthgen.similarity.buckets import buckets
from synthgen.similarity.contract import BandMethod
from synthgen.similarity.dataset_index import open_index, write_index
from synthgen.similarity.duplicates import find_duplicates
from synthgen.similarity.fields import text_of
from synthgen.similarity.greedy import sample_group
from synthgen.similarity.kept_rows import ALONE
from synthgen.similarity.row_file import RowFile
from synthgen.similarity.scan import Preference

pytestmark = pytest.mark.slow

WORDS = "abcdef"
MINHASH = {"threshold": 0.5, "ngram": 1}
METHODS = (
    (("minhash", MINHASH),),
    (("minhash", {"threshold": 0.7, "ngram": 2}), ("exact", {"field": "output"})),
    (("exact", {}), ("minhash", MINHASH)),
    (("minhash", MINHASH), ("minhash", {**MINHASH, "field": "output"})),
    (("minhash", MINHASH), ("rouge_l", {"field": "output"})),
)

texts = st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join)
few_texts = st.lists(texts, min_size=1, max_size=6)


def choices(methods):
    return [
        Choice("dedup method", name, find("dedup method", name).Config(**options), 1)
        for name, options in methods
    ]


def loaded(methods):
    return [choice.load()(choice.options) for choice in choices(methods)]


@st.composite
def datasets(draw):
    """Rows of a few texts, over and over; some are samples of one question."""
    pool, rng = draw(few_texts), random.Random(draw(st.integers(0, 99)))
    rows = []
    for number in range(draw(st.integers(1, 40))):
        row = {
            "id": f"r{number}",
            "instruction": rng.choice(pool),
            "output": rng.choice(pool),
            "meta": {"source": rng.choice("ab")},
        }
        if rng.random() < 0.5:
            row["meta"]["parents"] = [rng.choice("pq")]
        rows.append(row)
    return rows


def dropped_by_definition(methods, choices, old, rows, first, order):
    """(number, matched number, method, score) of dropped rows; `old` comes first, numbered from -2 down."""
    every = {-2 - position: row for position, row in enumerate(old)} | dict(enumerate(rows))
    facts = []
    for method, choice in zip(methods, choices, strict=True):
        texts = [text_of(row, choice.options.field) for row in every.values()]
        keys = method.keys(texts)
        columns = method.bands(texts) if isinstance(method, BandMethod) else np.ones((len(texts), 1))
        facts.append((dict(zip(every, keys, strict=True)), dict(zip(every, columns, strict=True))))
    kept, dropped = [number for number in every if number < 0], []
    groups = {number: sample_group(row) if number >= 0 else -1 for number, row in every.items()}
    for number in order:
        match = None
        for position, (method, (keys, bands)) in enumerate(zip(methods, facts, strict=True)):
            best = (0.0, 0)
            for other in kept if number >= first and keys[number] is not None else ():
                shares = ((bands[number] == bands[other]) & (bands[number] != 0)).any()
                if keys[other] is None or not shares or (groups[number] == groups[other] >= 0):
                    continue
                score = score_of(method, keys[number], keys[other])
                if score > (method.threshold or 0.0) and score > best[0]:
                    best = (score, other)
            if best[0]:
                match = (number, best[1], position, best[0])
                break
        if match:
            dropped.append(match)
        else:
            kept.append(number)
    return sorted(dropped)


def score_of(method, key, other):
    if isinstance(method, BandMethod):
        return float(method.scores(key, [other])[0])
    index = method.index()
    index.add(other, 0)
    match = index.nearest(key, -1, 1)
    return match.score if match else 0.0


def write(path, rows):
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    return path


@pytest.fixture(scope="module", params=[0, 2, earlier_rows.CROWD])
def crowd(request):
    """How many earlier rows may be alike before they are compared in a join."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(earlier_rows, "CROWD", request.param)
        yield request.param


@pytest.mark.parametrize("methods", METHODS)
@settings(max_examples=60, deadline=None)
@given(
    old=datasets(),
    before=datasets(),
    rows=datasets(),
    ways=st.sampled_from(["plain", "before", "old", "both", "both", "preferred"]),
    memory=st.sampled_from([None, 0, 20_000]),
)
def test_rows_that_occur_many_times_are_decided_as_the_order_implies(
    tmp_path_factory, crowd, methods, old, before, rows, ways, memory
):
    folder = tmp_path_factory.mktemp("groups")
    named = choices(methods)
    before = before if ways in ("before", "both") else []
    old = (
        old
        if ways in ("old", "both") and all(isinstance(method, BandMethod) for method in loaded(methods))
        else []
    )
    files = [write(folder / "before.jsonl", before)] if before else []
    files.append(write(folder / "rows.jsonl", rows))
    earlier = []
    if old:
        (folder / "old").mkdir()
        path = write(folder / "old" / "rows.jsonl", old)
        write_index(path, named, 1, lambda done: None)
        earlier = [open_index(path, named, -2)]
    first, preference = len(before), Preference(("b",)) if ways == "preferred" else None
    order = list(range(first + len(rows)))
    if preference:
        order.sort(key=lambda number: rows[number]["meta"]["source"] != "b")
    with RowFile(*files) as file:
        duplicates = find_duplicates(
            file,
            named,
            given=len(files) - 1,
            earlier=earlier,
            preference=preference,
            watch=lambda done: None,
            memory=memory,
            folder=folder,
        )
    for one in earlier:
        one.close()
    assert list(duplicates.in_file_order()) == dropped_by_definition(
        loaded(methods), named, old, before + rows, first, order
    )


def test_a_copy_of_a_given_row_goes_though_an_earlier_one_comes_near(tmp_path):
    named = choices((("minhash", MINHASH),))
    old = write(tmp_path / "old.jsonl", [{"id": "o", "instruction": "a"}])
    write_index(old, named, 1, lambda done: None)
    earlier = open_index(old, named, -2)
    files = [
        write(tmp_path / f"{text}.jsonl", [{"id": text, "instruction": text}]) for text in ("a b", "b a")
    ]
    with RowFile(*files) as file:
        duplicates = find_duplicates(file, named, given=1, earlier=[earlier], watch=lambda done: None)
    earlier.close()
    assert list(duplicates.in_file_order()) == [(1, 0, 0, 1.0)]


def test_no_row_is_read_again_that_only_copies_are_like(tmp_path, monkeypatch):
    rows = [
        {"id": f"r{number}", "instruction": " ".join(f"w{number % 50}x{word}" for word in range(9))}
        for number in range(3000)
    ]
    monkeypatch.setattr(RowFile, "row", lambda file, number: pytest.fail(f"row {number} was read"))
    with RowFile(write(tmp_path / "rows.jsonl", rows)) as file:
        duplicates = find_duplicates(file, choices((("minhash", {}),)), watch=lambda done: None)
    assert list(duplicates.in_file_order()) == [(number, number % 50, 0, 1.0) for number in range(50, 3000)]


def test_a_bucket_of_copies_only_is_left_out():
    bands = np.array([[7, 1], [7, 1], [7, 2], [5, 2], [5, 0]], np.uint32)
    digests = np.array([3, 3, 4, 4, 4], np.uint64)
    assert buckets(bands, digests).tolist() == [[0, 0, 0, ALONE, ALONE], [ALONE] * 5]
    assert buckets(bands).tolist() == [[1, 1, 1, 0, 0], [2, 2, 3, 3, ALONE]]


def test_texts_with_the_same_n_grams_have_the_same_digest():
    (method,) = loaded((("minhash", {}),))
    texts = ["One two three four.", "one, TWO three four", "two three four one", "...", "", "one two three"]
    bands, digests = method.bands_and_digests(texts)
    assert (bands == method.bands(texts)).all()
    assert digests[0] == digests[1] != 0 and len(set(digests.tolist())) == 4 and digests[3] == digests[4] == 0
