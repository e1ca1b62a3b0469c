"""Readers: by coverage where the guided fuzzer runs on this machine, else by the same hostile bytes as other doors."""

import importlib.util
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from tests.fuzz.hostile import Hostile
from tests.fuzz.readers import Reader
from tests.fuzz.tally import BrokenError, Tally
from tests.support.emulators import ROOT

_TRIED: Final = re.compile(r"stat::number_of_executed_units:\s*(\d+)")
_START: Final = 60.0
"""Seconds that the start of the process may take, besides."""


def guided() -> bool:
    """Whether the guided fuzzer is installed: there are wheels for Linux on x86-64, up to CPython 3.13."""
    return importlib.util.find_spec("atheris") is not None


def try_reader(name: str, reader: Reader, seconds: float, seed: int) -> Tally:
    """Half of the time guided, half by our own bytes, so that both are known to find the door."""
    tally = Tally(name)
    share = seconds / 2 if guided() and seconds >= 1 else 0.0
    if share:
        _guided(tally, reader, max(1, round(share)), seed)
    hostile, ends = Hostile(seed), time.monotonic() + seconds - share
    while time.monotonic() < ends:
        content = hostile.of(reader.good)
        try:
            tally.add(reader.outcome(content))
        except BrokenError as error:
            tally.broke(error, content)
    return tally


def _guided(tally: Tally, reader: Reader, seconds: int, seed: int) -> None:
    with tempfile.TemporaryDirectory() as corpus:
        argv = [sys.executable, "-m", "tests.fuzz.guided", tally.door, str(seconds), str(seed), corpus]
        done = subprocess.run(argv, cwd=ROOT, capture_output=True, check=False, timeout=seconds * 2 + _START)
        said = done.stderr.decode("utf-8", "replace")
        crashes = [*Path(corpus).glob("crash-*"), *Path(corpus).glob("timeout-*"), *Path(corpus).glob("oom-*")]
        found = _TRIED.search(said)
        tried = int(found[1]) if found else 0
        for file in crashes:
            _judged(tally, reader, file.read_bytes(), file.name.partition("-")[0])
        if not crashes and (done.returncode or not tried):
            tally.broke(BrokenError("crash", f"the guided fuzzer ended with {done.returncode}: {said[-300:]}"), b"")
        tally.add("guided", max(0, tried - len(crashes)))


def _judged(tally: Tally, reader: Reader, content: bytes, how: str) -> None:
    """What broke it there, broken here once more for its words."""
    try:
        reader.outcome(content)
    except BrokenError as error:
        tally.broke(error, content)
        return
    tally.broke(BrokenError("crash", f"the guided fuzzer met a {how}"), content)
