"""How slow this machine is. The demo's days, its real time limits and its patience become longer by that.

On a machine ten times slower everything happens as ever, in slow motion: what shall come before what still does.
"""

import json
import os
import time
from typing import Final

USUAL: Final = 0.24
"""Seconds that `_work` takes on the two cores the demo's pace was chosen on."""
CORES: Final = 2
NEARLY: Final = 3.0
"""Up to so many times slower is usual: other programs run as well."""
SLOWEST: Final = 60.0
_ROUNDS: Final = 8000


def measured() -> float:
    """How many times slower than usual this machine is now; 1 for what is usual."""
    began = time.perf_counter()
    _work()
    return slowness(time.perf_counter() - began, os.cpu_count() or 1)


def slowness(seconds: float, cores: int) -> float:
    """How many times slower a machine is that takes so long for the work, on one of its cores."""
    times = seconds / USUAL * max(1.0, CORES / cores)
    return 1.0 if times < NEARLY else min(times, SLOWEST)


def _work() -> None:
    """What most of the demo's processes do most: Python code on small documents."""
    document = {f"line_{number}": {"sku": "SOCK", "quantity": number} for number in range(40)}
    for _ in range(_ROUNDS):
        document = json.loads(json.dumps(document))
        sum(line["quantity"] for line in document.values())
