"""Earlier rows of one template: decided as without an index, and read once."""

import random

import orjson

from synthgen.core.registry import Choice, find
from synthgen.similarity import earlier_rows
from synthgen.similarity.dataset_index import open_index, write_index
from synthgen.similarity.duplicates import find_duplicates
from synthgen.similarity.row_file import RowFile


def family(seed, rows, values):
    draw = random.Random(seed)
    question = "How many of the {} old red boxes from {}town are still there on day {} of the long winter"
    return [
        {
            "id": f"{seed}-{number}",
            "instruction": question.format(
                draw.randrange(values), draw.choice("abcdef"), draw.randrange(values)
            ),
        }
        for number in range(rows)
    ]


def write(path, rows):
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    return path


def test_a_crowd_of_earlier_rows_is_decided_as_one_by_one_and_read_once(tmp_path, monkeypatch):
    options = {"threshold": 0.7, "ngram": 2}
    choices = [Choice("dedup method", "minhash", find("dedup method", "minhash").Config(**options), 1)]
    monkeypatch.setattr("synthgen.similarity.decisions.BATCH", 64)
    (tmp_path / "old").mkdir()
    old = write(tmp_path / "old" / "rows.jsonl", family(1, 300, 20))
    write_index(old, choices, 1, lambda done: None)
    new = write(tmp_path / "new.jsonl", family(2, 500, 40))
    outcomes, reads = [], []
    for crowd in (10, 10**9):
        monkeypatch.setattr(earlier_rows, "CROWD", crowd)
        earlier = open_index(old, choices, -2)
        read: list[int] = []
        text = earlier.text

        def counted(position, field, text=text, read=read):
            read.append(position)
            return text(position, field)

        monkeypatch.setattr(earlier, "text", counted)
        with RowFile(new) as rows:
            found = find_duplicates(rows, choices, earlier=[earlier], watch=lambda done: None)
        earlier.close()
        outcomes.append(list(found.in_file_order()))
        reads.append(len(read))
    assert outcomes[0] == outcomes[1]
    assert {row.matched < 0 for row in outcomes[0]} == {True, False}
    # Each batch of the second run reads its candidates anew.
    assert reads[0] <= 2 * 300 < reads[1] / 2
