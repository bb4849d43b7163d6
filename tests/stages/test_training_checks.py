"""What a training's options say about themselves before anything runs."""

from synthgen.operations.validate.checks import findings
from synthgen.pipeline.file import load_pipeline


def test_a_max_length_beyond_what_the_student_reads_is_a_warning(in_tmp):
    (in_tmp / "rows.jsonl").write_text('{"instruction": "a", "output": "b"}\n')
    (in_tmp / "gpt").mkdir()
    (in_tmp / "gpt" / "config.json").write_text('{"model_type": "gpt2", "n_positions": 256}')
    (in_tmp / "p.yaml").write_text(
        "name: p\nstages:\n  - load: {sources: rows.jsonl}\n"
        "  - sft: {id: long, student: {init: {positions: 300}}, seeds: [0, 1]}\n"
        "  - sft: {id: short, input: load, student: {init: {positions: 300}}, max_length: 300}\n"
        "  - sft: {id: further, input: load, student: {from: short}}\n"
    )
    listed = findings(load_pipeline(in_tmp / "p.yaml"), offline=True)
    assert [(one.level, one.fault.what) for one in listed] == [
        ("warning", "long: max_length is 1,024, but the student reads 300 tokens")
    ]
    spec = load_pipeline(in_tmp / "p.yaml", (), ["short.student={model: gpt}"]).stage("short")
    assert [one.what for one in spec.stage.warnings(spec.config)] == [
        "max_length is 300, but the student reads 256 tokens"
    ]
