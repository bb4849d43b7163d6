"""Sizes as people write them."""

import pytest

from synthgen.core.sizes import bytes_of


@pytest.mark.parametrize(
    ("text", "size"),
    [("500MB", 500_000_000), ("1.5 GB", 1_500_000_000), (" 2tb ", 2 * 10**12), ("1kb", 1000)],
)
def test_a_size_is_read_with_its_unit(text, size):
    assert bytes_of(text) == size


@pytest.mark.parametrize(
    "text", ["2", "GB", "2 G", "-1GB", "0MB", "0.0001KB", "1e3MB", "2GiB", "2GB a row", ""]
)
def test_anything_else_is_refused_with_an_example(text):
    with pytest.raises(ValueError, match="500MB or 2GB"):
        bytes_of(text)
