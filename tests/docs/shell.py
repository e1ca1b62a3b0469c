"""A shell beside a stack of its own, and a page's commands run in it as printed, in order."""

import asyncio
import os
import shlex
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from ordersaga.embedded import Stack, read_options
from ordersaga.embedded.stack import forget
from ordersaga.settings import Settings
from tests.docs.pages import ROOT, Block

PATIENCE: Final = 60.0
END: Final = "-- end of block, exit code "


class Shell:
    """A shell as a reader has it open: variables stay from block to block."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def run(self, block: Block) -> str:
        """Run one block; everything it printed, and how its last command ended."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{block.code}\nended=$?; echo; echo {shlex.quote(END)}$ended\n".encode())
        said = ""
        while END not in said:
            line = await asyncio.wait_for(self._process.stdout.readline(), 60)
            assert line, f"the shell ended:\n{said}"
            said += line.decode()
        return said

    async def walk(self, blocks: Sequence[Block]) -> None:
        """Every block succeeds and prints its `#>` lines, in order."""
        for block in blocks:
            said = await self.run(block)
            began = time.monotonic()
            while block.patient and _missing(block, said) and time.monotonic() - began < PATIENCE:
                await asyncio.sleep(0.5)
                said = await self.run(block)
            assert _missing(block, said) is None, f"{block.code}\nprinted\n{said}"
            assert f"{END}0" in said, f"{block.code}\nfailed after\n{said}"


@asynccontextmanager
async def open_shell(
    data: Path, changed: Mapping[str, Any] | None = None, options: Mapping[str, Any] | None = None
) -> AsyncIterator[Shell]:
    """A shell beside a running stack, in the repository's folder.

    `changed`: settings other than the usual ones; `options`: what is asked of the stack.
    """
    settings = Settings().model_copy(update=dict(changed)) if changed else None
    wanted = read_options(data=data, free_ports=True, **(options or {}))
    async with Stack(wanted, settings), shell_beside(data) as shell:
        yield shell
    forget(data)


@asynccontextmanager
async def shell_beside(data: Path, variables: Mapping[str, str] | None = None) -> AsyncIterator[Shell]:
    """A shell beside the stack that runs in `data`."""
    process = await asyncio.create_subprocess_exec(
        "bash",
        cwd=ROOT,
        env={**os.environ, "ORDERSAGA_DATA": str(data), "COLUMNS": "160", **(variables or {})},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield Shell(process)
    finally:
        process.kill()
        await process.wait()


def _missing(block: Block, said: str) -> str | None:
    """The first expected text that was not printed after the one before it."""
    rest = said
    for text in block.expected:
        _, found, rest = rest.partition(text)
        if not found:
            return text
    return None
