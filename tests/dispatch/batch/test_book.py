import pytest

from synthgen.core.errors import InputError
from synthgen.dispatch.batch.book import BatchBook


@pytest.mark.parametrize("content", [b"no book", bytes(range(256)) * 16])
def test_what_is_no_book_is_named_and_left_as_it_is(tmp_path, content):
    (tmp_path / "book.sqlite").write_bytes(content)
    with pytest.raises(InputError, match="cannot be read") as caught, BatchBook(tmp_path):
        pass
    assert caught.value.faults[0].where == str(tmp_path / "book.sqlite")
    assert (tmp_path / "book.sqlite").read_bytes() == content
