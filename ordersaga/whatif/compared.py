"""What `--compare` sets beside a question: the changes a shop can make."""

from datetime import timedelta
from typing import Final

from ordersaga.whatif.measures import spoken
from ordersaga.whatif.scenario import Question, Scenario

LONGER: Final = 6
SECOND: Final = "second"


def compared(question: Question) -> Question:
    """The question; one provider fewer, or one more; twice the calls; the same orders over a longer time."""
    (name, asked), *others = question.variants.items()
    variants = {name: asked, **dict(others), **_providers(asked), **_faster(asked), **_slower(asked)}
    return question.model_copy(update={"variants": variants})


def _providers(asked: Scenario) -> dict[str, Scenario]:
    first, *more = asked.providers
    if more:
        return {f"{first} alone": _with(asked, providers={first: asked.providers[first]})}
    plan = asked.providers[first]
    return {"a second provider like it": _with(asked, providers={first: plan, SECOND: plan})}


def _faster(asked: Scenario) -> dict[str, Scenario]:
    first = next(iter(asked.providers))
    twice = asked.providers[first].model_copy(update={"calls": asked.providers[first].calls * 2})
    return {f"twice the calls at {first}": _with(asked, providers={**asked.providers, first: twice})}


def _slower(asked: Scenario) -> dict[str, Scenario]:
    within: timedelta = asked.within * LONGER
    return {f"the same orders in {spoken(within)}": _with(asked, within=within)}


def _with(asked: Scenario, **changes: object) -> Scenario:
    return asked.model_copy(update=changes)
