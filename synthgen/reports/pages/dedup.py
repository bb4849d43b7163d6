"""The docs' page on duplicates, contamination and selection.

`python -m synthgen.reports.pages.dedup` writes docs/dedup.md.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from synthgen.core import registry
from synthgen.reports.pages.options import cell, option_table, parts
from synthgen.similarity import METHODS
from synthgen.similarity.embedding_options import EmbeddingsConfig
from synthgen.stages.contract import StageConfig, find_stage

PAGE = Path("docs/dedup.md")
INTRO = """# Duplicates, contamination, selection

*Generated from the code by `make generate`: change the docstrings, not this page.*

    - dedup: {methods: [exact, rouge_l: {field: instruction, threshold: 0.7}]}
    - decontaminate: {against: [benchmarks/gsm8k_test.jsonl]}
    - select: {per_group: {n: 1, prefer: shortest}}

## How dedup decides

Rows are compared one after another, in the order of the file. A row is kept iff no method finds a *kept* row
before it that it duplicates. So where A is like B and B is like C, but A is not like C, A and C stay. The row
that a dropped one matched is always a kept one, the most similar, and the first among equals. In
`rejected.jsonl` it stands as `matched_id`, with `score`, the method as `rule`, and `threshold`. With `prefer`,
rows of a better source or with a higher score are compared first; the rows that stay keep their order and
their bytes.

Samples of one question (same `meta.parents` and same question) are not each other's duplicates, unless
`across_samples` says so.

Rows of `against` are kept rows that come first. With `index: true` a stage writes an index beside its rows. A
later `against` that names those rows uses the index if method, options, seed and version are the same, and
reads the rows if they are not. The index is for exact and minhash, and takes 20 bytes a row for exact and 8
more for each band of minhash (276 MB for a million rows with both). A million new rows take about a quarter
longer for each million rows that are indexed, and twice as long for a million that have to be read.

Decisions do not depend on the number of workers or shards. In a shard (`synthgen dedup PIPELINE --shard 2/8`),
`dedup` finds out which rows are similar, whichever of them stay; `synthgen merge` then decides, and writes the
bytes of a run without shards:

| method | a shard | merge |
|---|---|---|
| exact, minhash | reads its n-th of the lines, and hashes or signs them | reads the rows that share a hash or a band, and compares them |
| rouge_l | reads all lines, and compares every n-th row with those before it | decides from the pairs; compares rows again that are like more than 32 before them |
| semantic | computes the vectors of its n-th of the lines | compares the vectors; no text is embedded a second time |

All rows have to be there: stages before `dedup` run, or are merged, first. On disk, until the run's `shards`
are deleted, each row takes 12 bytes (24 with `prefer`) and what the table below says of a method's memory a
row, and each pair of rouge_l takes 16; merge holds the same in memory.

A row without text in the field is kept, and counted in the table.

## More rows than memory holds

With exact, minhash, or both, dedup keeps what it knows of the rows on disk where it would take more than
`memory` (2GB, if nothing else is said): from about 25 million rows on with exact, and 6 million with minhash.
The rows that stay, and all bytes, are the same either way, so `memory` is not part of the stage's key.

Hashes and bands go into columns on disk, and one column is sorted at a time, in pieces that fit. Rows that
have a number in common are linked; where few have it, only if a sketch of 16 bytes does not rule out that
they are similar. Linked rows are then read again and decided as in memory, one part of them after another. No
row outside a part can change what is decided in it.

- On disk, exact takes 17 bytes a row and minhash 161 (at threshold 0.7), and `prefer` up to 12 more. The
  files stand beside the stage's output, have no name, and are gone when the process ends, however it ends.
- In memory, about 25 bytes a row and 33 for each dropped row stay, beside half of `memory` at a time.
- Rows that are all linked to one another, as those of one template may be, are one part, and take what the
  table below says of the method's memory, whatever `memory` says.
- rouge_l and semantic compare every row with those before it, in memory; beside them `memory` has no effect.
  It has none on `merge` and `index: true` either.

`field` is a field, a path such as `meta.topic`, `question` (instruction and input; the user's turns; the
prompt of a preference), `content` (all text), or a list of these. In rows of messages, `instruction` is the
question.

## What a text is read as

rouge_l, minhash, decontaminate, the novelty of tasks and the leak check of `evaluate` see the same tokens. These
are words in any script, and characters in scripts without spaces (Chinese, Japanese, Thai …), so that a question
in Chinese has n-grams. A sign with a meaning belongs to the token beside it: 8 + 2 is `8`, `+2`; C++ is `c++`;
5² is `5`, `^2`; -5, 5!, 10%, x <= 5 and .NET keep theirs. Hyphens in words, dashes, bullets, emphasis, brackets
in prose and other punctuation are no signs. Signs of code and of intervals are signs where their surroundings
say so: `p->x`, `**args`, `x += 1`, `n--`, a grade of A-, `[2, 7)`. The comma of 1,000 is left out. Text in ASCII
without such signs is compared as in Alpaca's rule.

Copies that hide are found: what is not seen (zero width spaces, soft hyphens, marks of direction) is left out
everywhere, and curly quotes are straight ones. These methods, but not `exact`, also leave out accents within
words and the vowel marks of Arabic and Hebrew, which people leave out where they type fast. So año and ano are
one word to them. A letter that stands alone keeps its accent (x̄ is not x), and marks that make another letter
stay: in Indic scripts, in Japanese, and in Cyrillic but for ё. Letters of other scripts that only look alike
are not made alike.
Full-width forms, ligatures and other
compatible forms are made alike. `tokenizer: ascii` is Alpaca's for all text.

## What is found, measured

Share of copies that are found, by kind, and of different questions that go wrongly, at the defaults.
*Misspelt* swaps two letters in each tenth word, or replaces each tenth character where there are no spaces;
*inside* puts the question between two other sentences. For `dedup` the sets are the test questions of GSM8K
(1,319) and MGSM (250 in each language). To measure on a file of your own:

    python -m benchmarks.copies dedup questions.jsonl --method rouge_l
    python -m benchmarks.copies decontaminate evaluation.jsonl --rows training.jsonl --rephrased rephrased.jsonl

| dedup | verbatim | inside | misspelt | reordered | wrongly |
|---|---|---|---|---|---|
| rouge_l, English | 100% | 93% | 99.8% | 81% | 0.2% |
| rouge_l, Chinese | 100% | 99% | 100% | 81% | 0% |
| rouge_l, Japanese | 100% | 100% | 100% | 83% | 0% |
| rouge_l, Thai | 100% | 100% | 100% | 100% | 0% |
| rouge_l, Russian | 100% | 80% | 100% | 83% | 0% |
| rouge_l, Telugu | 100% | 73% | 100% | 82% | 0% |
| rouge_l with `tokenizer: ascii`, Chinese to Telugu | 98–100% | 99.6% | 79–86% | 78–98% | 7–10% |
| minhash, English | 100% | 23% | 0.4% | 97% | 0% |
| minhash, `threshold: 0.4`, English | 100% | 99.6% | 99.9% | 100% | 0.2% |
| minhash, `threshold: 0.4`, Chinese | 100% | 100% | 100% | 100% | 0% |

| decontaminate, against | questions | verbatim | inside | misspelt | reordered | wrongly, of unrelated rows |
|---|---|---|---|---|---|---|
| GSM8K, test | 1,319 | 100% | 100% | 100% | 99.6% | 0 of 52,002 rows of Alpaca; 8 of 7,473 of GSM8K's training rows |
| MBPP | 970 | 100% | 100% | 70% | 100% | 13 of 52,002 of Alpaca |
| ARC, test, easy and challenge | 3,540 | 100% | 99.9% | 79% | 99.9% | 14 of 52,002 of Alpaca; 2.8% of 3,370 of ARC's training rows |
| TruthfulQA | 817 | 100% | 99.4% | 50% | 99.9% | 7 of 52,002 of Alpaca |
| MMLU, sociology and US history | 405 | 100% | 98.8% | 43% | 100% | 1 of 52,002 of Alpaca |
| MGSM, Chinese | 250 | 100% | 100% | 100% | 100% | 0 of 7,644 of Chinese-medical-dialogue-data |
| MGSM, Japanese | 250 | 100% | 100% | 100% | 100% | 0 of 8,939 of JCommonsenseQA |
| MGSM, Thai | 250 | 100% | 100% | 94% | 100% | 0 of 1,190 of XQuAD |
| CMATH | 600 | 100% | 100% | 96% | 100% | 0 of 3,000 Chinese chats |
| CMMLU, every second subject | 5,829 | 100% | 99% | 92% | 99.9% | 0.14% of 7,644 of Chinese-medical-dialogue-data, 0.13% of 3,000 Chinese chats |
| JSQuAD | 4,408 | 100% | 99% | 82% | 100% | 0.16% of 8,939 of JCommonsenseQA |
| JCommonsenseQA, validation | 1,117 | 100% | 98% | 92% | 99.9% | 0.4% of 4,420 of JSQuAD, with their passages |
| O-NET, Thai | 44 | 100% | 100% | 64% | 100% | 0 of 1,190 of XQuAD |
| XQuAD, Thai | 1,180 | 100% | 100% | 55% | 100% | 4.9% of 739 of iapp-wiki-qa, with their passages |
| iapp-wiki-qa, Thai | 729 | 100% | 99.9% | 64% | 100% | 2.0% of 1,190 of XQuAD, with their passages |

The command of each line is `python -m benchmarks.copies decontaminate QUESTIONS --rows ROWS`; of CMMLU and JSQuAD
the copies are those of 1,000 questions (`--limit 1000`). MGSM, JCommonsenseQA, iapp-wiki-qa and the other half
of CMMLU were looked at to choose `drop_characters`, and rows of JSQuAD and XQuAD; the other questions were not. The Chinese chats are the samples in shibing624/MedicalGPT and
hiyouga/LLaMA-Factory. What the rule for words (`drop_characters: null`) does there: of the JCommonsenseQA line
93% and 1.0%, of iapp-wiki-qa 72% and 18%, of misspelt questions of MGSM in Japanese 78%.

Short questions with a typo are the weak place: a question of ten words has few 8-grams, and often none is left.
Thai questions on passages are short, too, and share names and phrases with other passages: look at `report.jsonl`.
Of the training rows of GSM8K and ARC some are a test question with other names or numbers.

| rephrasings | questions | without `semantic` | 0.85 | 0.8 | wrongly at 0.85 and 0.8 |
|---|---|---|---|---|---|
| GSM8K, test | 1,315 | 0.5% | 91% | 98% | 0 and 0 of 2,000 rows of Alpaca; 1 and 2 of 500 of GSM8K's training rows |
| MMLU, sociology and US history | 389 | 0% | 35% | 40% | 0 and 0 of 2,000 rows of Alpaca |

The rephrasings are those of lm-sys/llm-decontaminator (`--rephrased FILE`), the model is all-MiniLM-L6-v2
(`--option '{"semantic": {"embeddings": {"model": FOLDER}, "threshold": 0.85}}'`). Those of MMLU ask for a passage
that is not in them, or are an answer in place of the question.

## Methods

| method | finds | misses | memory | time |
|---|---|---|---|---|
"""  # noqa: E501 - rows of tables

STAGES = {
    "dedup": "Options of the stage",
    "decontaminate": "decontaminate",
    "select": "select",
    "split": "split",
}
"""Stage kind -> the title of its section."""


def dedup_page() -> str:
    """The page's markdown: how dedup decides, a table of methods, each with its options, then the stages."""
    methods = {name: registry.find("dedup method", name) for name in sorted(METHODS)}
    lines = [INTRO.rstrip("\n")]
    lines += [
        f"| [{name}](#{name}) | " + " | ".join(map(cell, method.CARD)) + " |"
        for name, method in methods.items()
    ]
    for name, method in methods.items():
        lines += ["", f"### {name}", "", *_text(method), "", *option_table(method.Config)]
        if name == "semantic":
            lines += ["", "`embeddings`:", "", *option_table(EmbeddingsConfig)]
    for kind, title in STAGES.items():
        stage = find_stage(kind)
        lines += ["", f"## {title}", ""]
        if kind != "dedup":
            lines += [*_text(inspect.getmodule(stage.run), skip=f"{kind}: "), ""]
        lines += option_table(stage.config, leave_out=tuple(StageConfig.model_fields))
        for option, part in parts(stage.config):
            lines += ["", f"`{option}`:", "", *option_table(part)]
    return "\n".join(lines) + "\n"


def _text(documented: Any, skip: str = "") -> list[str]:
    """A docstring, each paragraph on one line."""
    paragraphs = (inspect.getdoc(documented) or "").removeprefix(skip).split("\n\n")
    text = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
    return (text[:1].upper() + text[1:]).split("\n")


if __name__ == "__main__":
    PAGE.write_text(dedup_page(), encoding="utf-8")
