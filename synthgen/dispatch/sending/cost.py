"""What a request may cost at most, and what it cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from synthgen.core.errors import ConfigError, Fault
from synthgen.dispatch.request_key import KeyedRequest
from synthgen.teachers.config import Budget, Price, TeacherConfig
from synthgen.teachers.replies import usage_of

TEMPLATE_TOKENS = 64  # what a chat template may add to a conversation beyond its text
TURN_TOKENS = 16  # and to each turn

NO_BOUND = Fault(
    "a budget needs a bound on each answer",
    next="set teacher.sampling.max_tokens in the pipeline file, or with --set teacher.sampling.max_tokens=N",
)


@dataclass(frozen=True, slots=True)
class Cost:
    """Dollars and tokens of one request, worst case or real."""

    usd: float
    tokens: int


class RealCost(NamedTuple):
    """What a reply cost; None for what neither the provider nor the price says."""

    prompt_tokens: int | None
    completion_tokens: int | None
    usd: float | None


def worst_case(keyed: KeyedRequest, n: int, config: TeacherConfig, budget: Budget) -> Cost:
    """The most that a request can cost: a token is at least a byte, each sample may have max_tokens.

    Of a prompt that is sent as token ids, the tokens are counted.

    Args:
        keyed: the request.
        n: how many samples are asked for.
        config: its teacher's options.
        budget: the run's cap.

    Returns:
        Dollars and tokens; nothing where neither has to be bounded under this cap.

    Raises:
        ConfigError: nothing bounds the answer, or the cap is in dollars and there is no price.
    """
    limit = keyed.max_tokens
    if limit is None:
        if not needs_bound(budget, config):
            return Cost(0.0, 0)
        raise ConfigError(NO_BOUND.what, NO_BOUND.where, NO_BOUND.next)
    turns = len(keyed.body.get("messages", ()))
    given = len(keyed.canonical) if keyed.prompt_tokens is None else keyed.prompt_tokens
    prompt = given + TEMPLATE_TOKENS + TURN_TOKENS * turns
    price = config.price or Price()
    return Cost(
        n * (prompt * price.input_per_mtok + limit * price.output_per_mtok) / 1e6, n * (prompt + limit)
    )


def needs_bound(budget: Budget, config: TeacherConfig) -> bool:
    """Whether a cap needs a bound on each answer: one in tokens does, and one in dollars with a price."""
    return budget.tokens is not None or (budget.usd is not None and _has_price(config.price))


def real_cost(parsed: Mapping[str, Any], price: Price | None) -> RealCost:
    """What a reply cost: the provider's own figure, else what its usage comes to at the price."""
    prompt, completion, cached, dollars = usage_of(parsed)
    if dollars is None and price is not None and prompt is not None and completion is not None:
        cached_price = (
            price.input_per_mtok if price.cached_input_per_mtok is None else price.cached_input_per_mtok
        )
        cached = min(cached, prompt)
        dollars = (
            (prompt - cached) * price.input_per_mtok
            + cached * cached_price
            + completion * price.output_per_mtok
        ) / 1e6
    return RealCost(prompt, completion, dollars)


def _has_price(price: Price | None) -> bool:
    return price is not None and bool(price.input_per_mtok or price.output_per_mtok)
