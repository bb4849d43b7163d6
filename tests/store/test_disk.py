"""Bytes on disk: a file with several names counts once and goes with its last; links are not followed."""

import os

from synthgen.store.disk import Freed, bytes_of


def lay_out(folder):
    (folder / "a/deep").mkdir(parents=True)
    (folder / "b").mkdir()
    (folder / "a/deep/rows").write_bytes(b"x" * 100)
    (folder / "a/other").write_bytes(b"x" * 10)
    os.link(folder / "a/deep/rows", folder / "b/rows")


def test_a_file_with_two_names_counts_once(tmp_path):
    lay_out(tmp_path)
    assert bytes_of([tmp_path]) == 110 == bytes_of([tmp_path / "a", tmp_path / "b"])
    assert bytes_of([tmp_path / "a/other"]) == 10 and bytes_of([tmp_path / "gone"]) == 0


def test_it_is_freed_with_its_last_name(tmp_path):
    lay_out(tmp_path)
    assert Freed().add(tmp_path / "a") == 10
    freed = Freed()
    assert [freed.add(tmp_path / "b"), freed.add(tmp_path / "a")] == [0, 110]


def test_symbolic_links_are_not_followed(tmp_path):
    lay_out(tmp_path)
    (tmp_path / "c").mkdir()
    (tmp_path / "c/link").symlink_to(tmp_path / "a")
    assert bytes_of([tmp_path / "c"]) == (tmp_path / "c/link").lstat().st_size
