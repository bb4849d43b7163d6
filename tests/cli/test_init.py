"""`synthgen init`: what is written, what is left alone, and that both are said."""

from pathlib import Path


def test_what_was_written_and_what_was_there_are_told_apart(synthgen):
    code, said, _ = synthgen("init", "here")
    written = sum(path.is_file() for path in Path("here").rglob("*"))
    assert (
        code == 0
        and said.splitlines()[0] == f"{written} files written to here/ (prompts/, pipelines/, data/seeds/)"
    )
    assert f"; {written} were there already" in " ".join(synthgen("init", "here")[1].split())
    Path("here/pipelines/quickstart.yaml").write_text("mine")
    Path("here/pipelines/judge.yaml").unlink()
    summary = " ".join(synthgen("init", "here")[1].split())
    assert summary.startswith(
        f"1 file written to here/ (prompts/, pipelines/, data/seeds/); {written - 2} were there "
        "already; 1 of your own left as they are"
    )
    assert Path("here/pipelines/quickstart.yaml").read_text() == "mine"
