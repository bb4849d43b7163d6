"""distilabel: a pipeline of loading and MinHashDedup."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.clock import Clock


def dedup(path: Path, folder: Path, clock: Clock) -> int:
    from distilabel.pipeline import Pipeline
    from distilabel.steps import LoadDataFromDicts, MinHashDedup

    with clock:
        with open(path) as lines:
            rows = [json.loads(line) for line in lines]
        with Pipeline(name="bench", cache_dir=str(folder / "cache")) as pipeline:
            load = LoadDataFromDicts(data=rows, batch_size=1000, output_mappings={"instruction": "text"})
            judge = MinHashDedup(tokenizer="ngrams", n=5, threshold=0.7, num_perm=128, input_batch_size=1000)
            load >> judge
        made = pipeline.run(use_cache=False)["default"]["train"]
        kept = made.filter(lambda row: row["keep_row_after_minhash_filtering"])
        kept.to_json(str(folder / "kept.jsonl"))
    return len(kept)
