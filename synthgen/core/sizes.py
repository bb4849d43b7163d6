"""Sizes of memory as people write them: 500MB, 2GB."""

from __future__ import annotations

import re

UNITS = {"KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([KMGT]B)", re.IGNORECASE)


def bytes_of(text: str) -> int:
    """The bytes that a text such as 500MB or 1.5 GB names; 1 GB is 10^9 bytes.

    Raises:
        ValueError: it names no size, or none above zero.
    """
    size = _SIZE.fullmatch(text.strip())
    number = int(float(size[1]) * UNITS[size[2].upper()]) if size else 0
    if not number:
        raise ValueError("expected a size above zero with its unit (KB, MB, GB or TB), such as 500MB or 2GB")
    return number
