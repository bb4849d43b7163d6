"""Which server students and bases answer through, where that is not transformers in this process."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from synthgen.core.config import Component, Unhashed
from synthgen.core.defaults import changed
from synthgen.core.errors import ConfigError, Fault
from synthgen.core.refusals import first_reason
from synthgen.teachers.config import Limits, Price
from synthgen.teachers.providers.vllm import VLLMConfig
from synthgen.teachers.vllm_arguments import Argument
from synthgen.teachers.vllm_program import vllm_program

OF_ADDRESSES = ("served_as", "api_key_env", "price")
"""Options of a server that is up already."""
OWN_SETTINGS = "generation-config"
"""The argument by which vLLM takes a checkpoint's own sampling options, which no model here is asked with."""


class Through(Component):
    """A vLLM server that is started for one model after the other, or addresses where they are served."""

    python: Annotated[str | None, Unhashed()] = Field(
        None, description="the interpreter of another environment that holds vLLM"
    )
    args: dict[str, Argument] = Field(
        default_factory=dict,
        description="arguments of `vllm serve` without the dashes, such as max-model-len",
    )
    env: Annotated[dict[str, str], Unhashed()] = Field(
        default_factory=dict, description="environment variables of the server, beside this process's own"
    )
    start_timeout: Annotated[float, Unhashed()] = Field(
        1800.0, gt=0, description="seconds until a server must answer"
    )
    restarts: Annotated[int, Unhashed()] = Field(
        3, ge=0, description="how often a server that dies is started again"
    )
    base_url: str | dict[str, str] | None = Field(
        None,
        description=(
            "an OpenAI-compatible server that is up already, in place of one that is started; or one for "
            "each model, {base: http://…, student: http://…}"
        ),
    )
    served_as: dict[str, str] = Field(
        default_factory=dict,
        description="the name of a model at its address; its name in the table where left out",
    )
    prompt: Literal["tokens", "chat"] = Field(
        "tokens",
        description=(
            "tokens: the prompt as token ids, made by the student's own chat template, as vLLM takes them; "
            "chat: messages, for servers that take no ids and write the prompt by a template of their own"
        ),
    )
    api_key_env: Annotated[str | None, Unhashed()] = Field(
        None, description="name of the environment variable that holds the key of the addresses"
    )
    limits: Annotated[Limits, Unhashed()] = Field(Limits(), description="how fast a server may be asked")
    price: Annotated[Price | None, Unhashed()] = Field(
        None, description="US dollars per million tokens, of addresses that cost money"
    )

    @model_validator(mode="after")
    def _options_fit(self) -> Through:
        if self.base_url is None and (given := changed(self, OF_ADDRESSES)):
            raise ValueError(f"{', '.join(given)}: for servers at base_url, not for one that is started")
        urls = self.base_url.values() if isinstance(self.base_url, dict) else (self.base_url,)
        for url in urls or ("",):
            self._checked(url)
        return self

    def _checked(self, url: str | None) -> None:
        """Raises ValueError where vLLM's own options refuse something."""
        try:
            self._config("model", url, {})
        except ValidationError as fault:
            raise ValueError(first_reason(fault)) from None

    def _config(self, model: str, url: str | None, more: dict[str, Any]) -> VLLMConfig:
        started = {
            name: getattr(self, name) for name in ("python", "args", "env", "start_timeout", "restarts")
        }
        given = {name: started[name] for name in changed(self, tuple(started))}
        return VLLMConfig.model_validate(
            {
                "model": model,
                "base_url": url,
                "api_key_env": self.api_key_env,
                "limits": self.limits,
                "price": self.price,
                **given,
                **more,
            }
        )

    def started(self, model: str, revision: str | None, arguments: dict[str, Argument]) -> VLLMConfig:
        """A server that is started on a folder or a hub id.

        Args:
            model: the folder, or the id.
            revision: of a hub id.
            arguments: of `vllm serve`; what `args` says goes before.
        """
        given = {str(name).lstrip("-").replace("_", "-"): value for name, value in self.args.items()}
        return self._config(model, None, {"revision": revision, "args": {**arguments, **given}})

    def reached(self, name: str, digest: str) -> VLLMConfig:
        """A model that is served already; what its replies are filed under holds the digest of its weights.

        Raises:
            ConfigError: it has no address.
        """
        url = self.base_url.get(name) if isinstance(self.base_url, dict) else self.base_url
        if url is None:
            known = ", ".join(self.base_url) if isinstance(self.base_url, dict) else ""
            raise ConfigError(
                f"{name} has no address" + (f"; {known} have" if known else ""),
                "evaluate: {through: {base_url: …}}",
                f"add {name}: http://…/v1, or leave it out of `models`",
            )
        return self._config(self.served_as.get(name, name), url, {"revision": digest})

    def strangers(self, names: Iterable[str]) -> list[str]:
        """Names that have an address, or a name there, and are none of the models that are asked."""
        addressed = self.base_url if isinstance(self.base_url, dict) else {}
        return sorted({*addressed, *self.served_as} - set(names))

    def faults(self) -> list[Fault]:
        """What is known to be wrong before anything starts: there is no vLLM."""
        if self.base_url is not None:
            return []
        try:
            vllm_program(self.python, "student")
        except ConfigError as fault:
            return [
                Fault(
                    one.what,
                    "evaluate: {through: …}",
                    "pip install 'synthgen-pipeline[vllm]', or name the python of the environment that "
                    "holds vLLM: through: {python: .venv-vllm/bin/python}",
                )
                for one in fault.faults
            ]
        return []


def read_through(value: Any) -> Any:
    """`transformers` and `vllm` as the options that they stand for."""
    if value == "transformers":
        return None
    if isinstance(value, str):
        if value != "vllm":
            raise ValueError("write transformers, vllm, or options such as {base_url: http://…/v1}")
        return {}
    return value
