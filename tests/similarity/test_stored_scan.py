"""Dedup with its columns on disk: the same bytes as in memory, however little is allowed."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgen.similarity import linked_rows
from synthgen.similarity.chosen import ChosenMethod
from synthgen.similarity.methods.minhash import MinHash
from synthgen.similarity.stored_scan import StoredScan, fits
from tests.similarity.test_buckets import loaded
from tests.stages.curation import curate

MINHASH = {"minhash": {"threshold": 0.6, "ngram": 2}}
METHODS = (["exact"], [MINHASH], ["exact", MINHASH], [MINHASH, {"exact": {"field": "output"}}])
WORDS = [f"w{number}" for number in range(60)]


def rows_of(seed, count):
    """Short rows: some copied, some with a word more, some of one template, some without a text."""
    rng = random.Random(seed)
    texts = [" ".join(rng.choices(WORDS, k=rng.randint(2, 12))) for _ in range(count)]
    for number in range(1, count):
        kind = rng.random()
        if kind < 0.5:
            texts[number] = texts[rng.randrange(number)] + (" more" if kind < 0.25 else "")
        elif kind < 0.6:
            texts[number] = (
                f"how many of the {rng.randrange(9)} red boxes are there on day {rng.randrange(9)}"
            )
        elif kind < 0.65:
            texts[number] = ""
    return [
        {
            "id": f"r{number}",
            "instruction": text,
            "output": rng.choice(WORDS),
            "meta": {"source": rng.choice("ab"), **({"parents": ["p"]} if rng.random() < 0.2 else {})},
        }
        for number, text in enumerate(texts)
    ]


def written(done):
    return [(done.out / name).read_bytes() for name in ("rows.jsonl", "rejected.jsonl")] + [
        done.outcome.table,
        done.outcome.extra,
    ]


@pytest.fixture
def stored(monkeypatch):
    """The folders in which columns were kept."""
    made = []
    init = StoredScan.__init__

    def counted(self, folder, methods, memory):
        made.append(folder)
        init(self, folder, methods, memory)

    monkeypatch.setattr(StoredScan, "__init__", counted)
    return made


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 999),
    count=st.sampled_from([1, 40, 300]),
    methods=st.sampled_from(METHODS),
    more=st.sampled_from([{}, {"across_samples": True}, {"prefer": {"source": ["b"]}}]),
    tested=st.sampled_from([1, 2, 32]),
)
def test_the_bytes_are_those_of_dedup_in_memory(tmp_path_factory, seed, count, methods, more, tested):
    folder, rows = tmp_path_factory.mktemp("stored"), rows_of(seed, count)
    options = {"methods": methods, **more}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(linked_rows, "TESTED", tested)
        patch.setattr(linked_rows, "BLOCK", 64)
        in_memory = curate("dedup", folder, rows, options)
        on_disk = curate("dedup", folder, rows, {**options, "memory": "1KB"})
    assert written(on_disk) == written(in_memory)


def test_the_size_decides_where_columns_are_kept(tmp_path, stored):
    rows = rows_of(1, 4000)
    in_memory = curate("dedup", tmp_path, rows, {"methods": [MINHASH]})
    assert not stored
    on_disk = curate("dedup", tmp_path, rows, {"methods": [MINHASH], "memory": "1MB"})
    assert stored == [on_disk.out]
    assert written(on_disk) == written(in_memory) and len(on_disk.rejected) > 500
    assert {path.name for path in on_disk.out.iterdir()} == {"rows.jsonl", "rejected.jsonl"}


def test_rows_of_earlier_files_and_indexes_are_found_too(tmp_path, stored):
    old = curate("dedup", tmp_path, rows_of(1, 80), {"methods": ["exact", MINHASH], "index": True})
    plain = tmp_path / "plain.jsonl"
    # Rows that are given stay, though some are copies of one another.
    plain.write_bytes(2 * (old.out / "rows.jsonl").read_bytes())
    rows = [row for seed in (1, 2) for row in rows_of(seed, 80)]
    for against in (old.out / "rows.jsonl", plain):
        options = {"methods": ["exact", MINHASH], "against": [str(against)]}
        in_memory = curate("dedup", tmp_path, rows, options)
        on_disk = curate("dedup", tmp_path, rows, {**options, "memory": "1KB"})
        assert written(on_disk) == written(in_memory)
        assert any(row["rejection"]["value"] for row in on_disk.rejected)
    assert len(stored) == 2


def test_methods_without_bands_stay_in_memory(tmp_path, stored):
    curate("dedup", tmp_path, rows_of(1, 40), {"methods": ["exact", "rouge_l"], "memory": "1KB"})
    assert not stored


def test_what_fits_depends_on_rows_methods_and_memory():
    exact, minhash = (ChosenMethod(loaded(((name, {}),))[0], "question") for name in ("exact", "minhash"))
    assert fits(10**7, [exact], 10**9) and not fits(10**7, [minhash], 10**9)
    assert not fits(10**7, [exact, exact], 9 * 10**8)


def test_no_row_is_read_again_that_shares_a_number_by_chance(tmp_path, monkeypatch):
    bands_of = MinHash.bands_of

    def crowded(self, shingles):
        bands = bands_of(self, shingles)
        bands[:, 0] %= 50  # few numbers
        return bands

    monkeypatch.setattr(MinHash, "bands_of", crowded)
    parts = []
    of = StoredScan.of

    def noted(self, numbers):
        parts.append(numbers)
        return of(self, numbers)

    monkeypatch.setattr(StoredScan, "of", noted)
    rows = [
        {"id": f"r{number}", "instruction": " ".join(f"{number}x{word}" for word in range(9))}
        for number in range(400)
    ]
    rows += [{"id": "copy", "instruction": rows[5]["instruction"]}]
    done = curate("dedup", tmp_path, rows, {"methods": ["minhash"], "memory": "1KB"})
    assert [part.tolist() for part in parts] == [[5, 400]] and len(done.rejected) == 1
