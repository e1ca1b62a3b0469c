"""How many programs are played: a few fixed ones, or as many as `ORDERSAGA_EXAMPLES` says, chosen at random."""

import os

from hypothesis import HealthCheck, Phase, settings

_ASKED = os.environ.get("ORDERSAGA_EXAMPLES")
_PLAY = (Phase.explicit, Phase.generate)


def effort(examples: int, steps: int = 50, *, shorten: bool = True) -> settings:
    """Settings for `examples` programs of at most `steps` steps.

    `shorten`: in a long run a failing one is made as short as can be. A program that plays a
    running saga takes a second: shortening it would take longer than reading it.
    """
    return settings(
        max_examples=int(_ASKED) if _ASKED else examples,
        stateful_step_count=steps,
        derandomize=not _ASKED,
        deadline=None,
        database=None,
        phases=(*_PLAY, Phase.shrink) if shorten and _ASKED else _PLAY,
        suppress_health_check=list(HealthCheck),
    )
