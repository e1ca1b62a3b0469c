"""`make audit`: ask the vulnerability service (OSV) about every locked dependency.

| exit code | |
|---|---|
| 0 | it was asked, and knows nothing against any of them |
| 1 | it knows a vulnerability of at least one |
| 3 | it could not be asked: nothing is known, neither good nor bad |

`make` itself ends with 2 for both of the last, and says which: `Error 1`, `Error 3`. A pipeline that has to tell them
apart runs `.venv/bin/python -m tests.security.audit`.

`--dev`: what tests, measures and documents the product, too. `--service URL`: another service than OSV's.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
CLEAN, VULNERABLE, UNKNOWN = 0, 1, 3
_UV: Final = Path(sys.executable).with_name("uv")


def audit(service: str | None = None, *, dev: bool = False) -> tuple[int, str]:
    """The exit code, and what there is to say."""
    command = [str(_UV), "audit", "--frozen", "--color=never"]
    command += [] if dev else ["--no-default-groups"]
    command += ["--service-url", service] if service else []
    environment = {**os.environ, "NO_COLOR": "1"}
    told = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    said = "\n".join(part.strip() for part in (told.stdout, _essential(told.stderr)) if part.strip())
    if told.returncode == 0:
        return CLEAN, f"{said}\nclean: the service knows nothing against a locked dependency"
    if told.returncode == 1:
        return (
            VULNERABLE,
            f"{said}\nVULNERABLE: update what is named, or say in pyproject.toml why it does not concern us",
        )
    return UNKNOWN, f"{said}\nUNKNOWN: the vulnerability service could not be asked; this is no clean result"


def _essential(words: str) -> str:
    return "\n".join(line for line in words.splitlines() if "experimental" not in line)


def main(arguments: Sequence[str] | None = None) -> int:
    """Ask, tell, and give the exit code."""
    parser = argparse.ArgumentParser(prog="make audit", description="Known vulnerabilities of locked dependencies")
    parser.add_argument("--dev", action="store_true", help="those of tests and documents too")
    parser.add_argument("--service", help="address of another OSV service")
    asked = parser.parse_args(arguments)
    code, said = audit(asked.service, dev=asked.dev)
    print(said)
    return code


if __name__ == "__main__":
    sys.exit(main())
