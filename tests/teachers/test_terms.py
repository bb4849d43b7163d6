import pytest

from synthgen.teachers.terms import terms_of


@pytest.mark.parametrize(
    ("identity", "words"),
    [
        ("api.openai.com", "OpenAI's services agreement"),
        ("api.anthropic.com", "Anthropic's commercial terms"),
        ("openrouter.ai/api", "OpenRouter"),
        ("mine.openai.azure.com", "Microsoft's product terms"),
        ("builtin", "no terms"),
    ],
)
def test_a_known_address_has_its_providers_terms(identity, words):
    assert words in terms_of(identity)


@pytest.mark.parametrize("identity", ["localhost", "gpu-box", "openai.com.evil.example", ""])
def test_a_server_of_ones_own_has_none(identity):
    assert terms_of(identity) == ""
