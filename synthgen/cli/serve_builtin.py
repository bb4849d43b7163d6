"""`synthgen serve-builtin`: the builtin teacher by hand, for other tools to talk to."""

from __future__ import annotations

from typing import Annotated

import typer


def serve_builtin(
    port: Annotated[
        int,
        typer.Option(
            "--port", metavar="PORT", min=0, max=65535, help="0: any free one; the first line says which"
        ),
    ] = 8008,
    log: Annotated[bool, typer.Option("--log", help="a line to stderr for each request")] = False,
) -> None:
    """Serve the builtin teacher on loopback until Ctrl-C.

    An OpenAI-compatible server that needs no key and no GPU.
    """
    import asyncio

    from synthgen.builtin_teacher.server import serve
    from synthgen.core.errors import TeacherFailed

    try:
        asyncio.run(serve(port, log=log))
    except OSError as fault:
        raise TeacherFailed(
            f"cannot serve on port {port}: {fault.strerror or fault}",
            next="choose another with --port, or --port 0 for any free one",
        ) from fault
