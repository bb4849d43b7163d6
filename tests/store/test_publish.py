from pathlib import Path

import pytest

from synthgen.store.publish import link_folder, publish, recover, staging_folder, write_whole


def put(folder: Path, text: str) -> Path:
    (folder / "rows.jsonl").write_text(text)
    return folder


def test_publishing_replaces_the_old_result_whole(tmp_path):
    publish(put(staging_folder(tmp_path, "load"), "old"), tmp_path / "load")
    publish(put(staging_folder(tmp_path, "load"), "new"), tmp_path / "load")
    assert (tmp_path / "load" / "rows.jsonl").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["load"]


def test_a_kill_between_the_two_renames_is_mended(tmp_path):
    publish(put(staging_folder(tmp_path, "load"), "old"), tmp_path / "load")
    put(staging_folder(tmp_path, "load"), "new")
    (tmp_path / "load").rename(tmp_path / ".old-load")  # … and here the process died
    assert recover(tmp_path) == ["load"]
    assert (tmp_path / "load" / "rows.jsonl").read_text() == "old"
    assert not (tmp_path / ".new-load").exists()


def test_a_kill_after_publishing_leaves_the_new_result(tmp_path):
    publish(put(staging_folder(tmp_path, "load"), "new"), tmp_path / "load")
    old = tmp_path / ".old-load"
    old.mkdir()
    put(old, "old")
    assert recover(tmp_path) == []
    assert (tmp_path / "load" / "rows.jsonl").read_text() == "new"
    assert not old.exists()


def test_staging_starts_empty(tmp_path):
    put(staging_folder(tmp_path, "load"), "left over")
    assert list(staging_folder(tmp_path, "load").iterdir()) == []


def test_write_whole_leaves_nothing_beside(tmp_path):
    write_whole(tmp_path / "a", b"1")
    write_whole(tmp_path / "a", b"2")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a", b"2")]


@pytest.mark.parametrize("name", ["rows.jsonl", "model/config.json"])
def test_linking_brings_the_same_file(tmp_path, name):
    source = tmp_path / "source" / name
    source.parent.mkdir(parents=True)
    source.write_text("x")
    link_folder(tmp_path / "source", tmp_path / "target", [name])
    assert (tmp_path / "target" / name).stat().st_ino == source.stat().st_ino


def test_at_no_moment_is_the_old_result_gone_before_the_new_one_stands(tmp_path, monkeypatch):
    import os

    publish(put(staging_folder(tmp_path, "load"), "old"), tmp_path / "load")
    staging = put(staging_folder(tmp_path, "load"), "new")
    rename = os.rename
    calls = []

    def die_at(moment):
        def renaming(source, target):
            calls.append(source)
            if len(calls) == moment:
                raise KeyboardInterrupt
            rename(source, target)

        return renaming

    for moment in (1, 2):
        calls.clear()
        monkeypatch.setattr(os, "rename", die_at(moment))
        with pytest.raises(KeyboardInterrupt):
            publish(staging, tmp_path / "load")
        monkeypatch.setattr(os, "rename", rename)
        recover(tmp_path)
        assert (tmp_path / "load" / "rows.jsonl").read_text() == "old"
        staging = put(staging_folder(tmp_path, "load"), "new")
