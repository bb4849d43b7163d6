"""Which layer of a student is compared with which of its teacher.

Layer 0 is the embedding of the tokens, and layer N what the N-th block puts out.
"""

from __future__ import annotations

from collections.abc import Mapping

from synthgen.core.errors import Fault

COUNTED = "0 is the embedding of the tokens, N what the N-th block puts out"


def mapped_layers(chosen: str | Mapping[int, int], student: int, teacher: int) -> dict[int, int]:
    """Layers of a student, each with the one of its teacher that it is compared with.

    Args:
        chosen: `even` is TinyBERT's way (arXiv 1909.10351): the embeddings, and behind the same share of its
            blocks each block of the student. `last` is the last block of both.
        student: how many blocks it has.
        teacher: how many blocks it has.
    """
    if chosen == "last":
        return {student: teacher}
    if chosen == "even":
        return {
            0: 0,
            **{at: max(1, (2 * at * teacher + student) // (2 * student)) for at in range(1, student + 1)},
        }
    assert not isinstance(chosen, str)
    return dict(chosen)


def layer_faults(
    option: str, layers: Mapping[int, int], student: int | None, teacher: int | None, *, first: int = 0
) -> list[Fault]:
    """Layers that are named and are not there.

    Args:
        option: that names them, as it is written.
        layers: of the student -> of the teacher.
        student: how many blocks it has; None where that is not known.
        teacher: how many blocks it has; None where that is not known.
        first: the first layer that can be named.
    """
    sides = (("student", student, layers), ("teacher", teacher, layers.values()))
    return [
        Fault(
            f"{option} names layer {layer} of the {whose}, which has {first} to {blocks}",
            next=f"layers of the student, each with one of the teacher; {COUNTED}",
        )
        for whose, blocks, named in sides
        for layer in named
        if blocks is not None and not first <= layer <= blocks
    ]
