"""A Dockerfile's steps replayed in plain folders, for machines without a container engine.

Each stage is a folder with a Python of its own; what stands at `/app` in the image stands below that folder. Steps that
would change the machine's users are left out: they are told apart by the program they call.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

OF_THE_MACHINE: Final = ("useradd", "groupadd")
_STEP_WITHIN: Final = 900.0


@dataclass(frozen=True)
class Step:
    """One instruction; `text`: what follows its name."""

    name: str
    text: str

    @property
    def words(self) -> list[str]:
        """The words, or those of a JSON list."""
        found = self.text.partition("[")
        return list(json.loads("[" + found[2])) if found[1] else shlex.split(self.text)


def read_steps(file: Path) -> list[Step]:
    """The instructions, continued lines joined, comments left out."""
    lines = [line for line in file.read_text(encoding="utf-8").splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [Step(*line.split(None, 1)) for line in joined.splitlines() if line.strip()]


@dataclass
class Stage:
    """A stage that was replayed: run things in it with `run`."""

    root: Path
    folder: str = "/"
    env: dict[str, str] = field(default_factory=dict)
    user: int | None = None

    def path(self, inside: str) -> Path:
        """Where a path of the image is."""
        return self.root / str(Path(self.folder) / inside).lstrip("/")

    def run(
        self, command: Sequence[str], given: Mapping[str, str] | None = None, **options: object
    ) -> "subprocess.Popen[str]":
        """Start a command as the image would, with its environment and nothing of ours."""
        environment = {"HOME": "/nonexistent", **self.env, **(given or {})}
        who = {"user": self.user, "group": self.user, "extra_groups": []} if self.user and not os.getuid() else {}
        program = shutil.which(command[0], path=environment["PATH"]) or command[0]
        return subprocess.Popen(  # type: ignore[call-overload,no-any-return]
            [program, *command[1:]],
            cwd=self.path("."),
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **who,
            **options,
        )


class Replay:
    """Replays one Dockerfile. `context`: the folder it is built from."""

    def __init__(self, file: Path, context: Path, workplace: Path) -> None:
        self.steps = read_steps(file)
        self.skipped: list[Step] = []
        self._context, self._workplace = context, workplace
        self._stages: dict[str, Stage] = {}

    def build(self) -> Stage:
        """The last stage. Raises AssertionError with the output of a step that fails."""
        stage = Stage(self._workplace)
        for step in self.steps:
            if step.name == "FROM":
                stage = self._begin(step)
            elif step.name in ("RUN", "COPY", "ENV", "WORKDIR", "USER"):
                getattr(self, f"_{step.name.lower()}")(stage, step)
        return stage

    def _begin(self, step: Step) -> Stage:
        name = step.words[-1] if " AS " in step.text else "final"
        stage = Stage(self._workplace / name)
        uv = Path(sys.executable).parent / "uv"
        subprocess.run([uv, "venv", "--quiet", "--seed", "--python", _interpreter(), stage.root / "python"], check=True)
        stage.env["PATH"] = f"{stage.root / 'python/bin'}:/usr/bin:/bin"
        self._stages[name] = stage
        return stage

    def _run(self, stage: Stage, step: Step) -> None:
        if step.text.startswith(OF_THE_MACHINE):
            self.skipped.append(step)
            return
        done = subprocess.run(
            ["/bin/sh", "-c", step.text],
            cwd=stage.path("."),
            env={**_of_the_builder(), **stage.env},
            capture_output=True,
            text=True,
            timeout=_STEP_WITHIN,
            check=False,
        )
        assert done.returncode == 0, f"RUN {step.text}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"

    def _copy(self, stage: Stage, step: Step) -> None:
        sources = [word for word in step.words if not word.startswith("--")]
        target = sources.pop()
        came_from = next((word[7:] for word in step.words if word.startswith("--from=")), None)
        for source in sources:
            place = self._stages[came_from].path(source) if came_from else self._context / source
            _copy_to(place, stage.path(target))

    def _env(self, stage: Stage, step: Step) -> None:
        for word in step.words:
            name, _, value = word.partition("=")
            parts = [str(stage.path(part)) if part.startswith("/") else part for part in value.split(":")]
            stage.env[name] = ":".join(parts).replace("$PATH", stage.env["PATH"])

    def _workdir(self, stage: Stage, step: Step) -> None:
        stage.folder = step.text
        stage.path(".").mkdir(parents=True, exist_ok=True)

    def _user(self, stage: Stage, step: Step) -> None:
        stage.user = int(step.text)


def _interpreter() -> Path:
    """A Python that the image's user can run too: root's own may lie where nobody else gets. Raises LookupError."""
    ours = Path(sys.executable).resolve()
    elsewhere = (
        Path(folder) / f"python3.{minor}" for folder in ("/usr/local/bin", "/usr/bin") for minor in (13, 12, 11)
    )
    for candidate in (ours, *elsewhere):
        real = candidate.resolve()
        if real.exists() and all(parent.stat().st_mode & 0o001 for parent in (real, *real.parents)):
            return real
    raise LookupError("no Python that another user may run: install one for everybody, or do not be root")


def _of_the_builder() -> dict[str, str]:
    """What a builder hands on so that the package registry is found."""
    wanted = re.compile(r"HOME|LANG|.*_proxy|SSL_.*|PIP_.*|UV_(?!COMPILE_).*|REQUESTS_CA_BUNDLE", re.IGNORECASE)
    return {name: value for name, value in os.environ.items() if wanted.fullmatch(name)}


def _copy_to(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(
            source, target, symlinks=True, dirs_exist_ok=True, ignore=None if ".venv" in source.parts else _no_bytecode
        )
    else:
        shutil.copy2(source, target / source.name if target.is_dir() else target)


def _no_bytecode(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name == "__pycache__"]
