"""Azure OpenAI, through its v1 API."""

from __future__ import annotations

from pydantic import model_validator

from synthgen.teachers.config import TeacherConfig
from synthgen.teachers.openai_api import OpenAIApi


class AzureConfig(TeacherConfig):
    """Options of an Azure OpenAI teacher; `model` is the deployment's name, `base_url` ends in /openai/v1."""

    provider: str = "azure"

    @model_validator(mode="after")
    def _needs_address(self) -> AzureConfig:
        if self.base_url is None:
            raise ValueError("azure needs base_url: https://<resource>.openai.azure.com/openai/v1")
        return self


class Azure(OpenAIApi):
    """Azure OpenAI: each user has an address of their own, and the key has a header of its own."""

    Config = AzureConfig
    KEY = "AZURE_OPENAI_API_KEY"
    TERMS = (
        "Microsoft's product terms may restrict what is trained on the output, similar or competing services "
        "above all (https://www.microsoft.com/licensing/terms); read them before you train on it"
    )

    def scoring_fault(self, top: int) -> str:
        """See `Provider`."""
        return "azure does not tell how likely the tokens of a given text are"

    def auth(self, key: str) -> dict[str, str]:
        """See `Provider`."""
        return {"api-key": key}
