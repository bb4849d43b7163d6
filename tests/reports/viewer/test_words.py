"""Search by words: what the index finds is what a plain reading finds."""

import json
import random
import re

import pytest

from synthgen.core.errors import InputError
from synthgen.reports.viewer.line_index import LineIndex
from synthgen.reports.viewer.words import WordIndex

WORDS = ["tea", "Tea-time", "teapot", "snake_case", "O'Neill", "x2", "NEAR", "or"]


def test_lines_that_hold_all_words_are_found_in_order(tmp_path):
    path, draw = tmp_path / "f.jsonl", random.Random(0)
    texts = [" ".join(draw.choices(WORDS, k=3)) for _ in range(1200)]
    path.write_text(
        "".join(json.dumps({"id": "tea", "output": text}) + "\n" for text in texts) + "no json tea\n"
    )
    words = WordIndex(LineIndex(path))
    words._thread.join()
    assert words.done == 1.0
    try:
        for query in ("tea", "TIME tea", "snake_case", "o'neill x2", "near or", 'tea" OR "x2'):
            wanted = {word.lower() for word in re.findall(r"[^\W_]+", query)}
            fits = [
                at for at, text in enumerate(texts, 1) if wanted <= set(re.findall(r"[^\W_]+", text.lower()))
            ]
            seen, start = [], 1
            while start:
                found = words.find(query, start, 50)
                seen += [line.number for line in found.lines]
                start = found.go_on
            assert seen == fits, query
        with pytest.raises(InputError, match="no word"):
            words.find("!?", 1, 50)
    finally:
        words.close()
    assert not words._path.exists()


def test_an_index_that_is_not_finished_can_be_closed(tmp_path):
    path = tmp_path / "f.jsonl"
    path.write_text('{"output": "a b c"}\n' * 50_000)
    words = WordIndex(LineIndex(path))
    words.close()
    assert not words._thread.is_alive() and words.done < 1.0
