"""What the terms of a teacher's provider say about training on its output, from who answered."""

from __future__ import annotations

from synthgen.core import registry
from synthgen.teachers.addresses import host_of
from synthgen.teachers.openai_api import OpenAIApi

BUILTIN = "builtin"


def terms_of(identity: str) -> str:
    """The terms of who answered (`meta.teacher`), as far as its address tells the provider; else "".

    A server of one's own has none: what holds there is the licence of the model that it serves.
    """
    if identity == BUILTIN:
        return "a program of synthgen's own; it has no terms"
    for name in registry.names("teacher"):
        provider = registry.find("teacher", name)
        if not (isinstance(provider, type) and issubclass(provider, OpenAIApi) and provider.TERMS):
            continue
        known = provider.URL is not None and identity == host_of(provider.URL)
        if known or (name == "azure" and identity.endswith(".azure.com")):
            return provider.TERMS
    return ""
