"""The load generator, a process of its own: `python -m tests.surge.load PLAN.json OUT.json`.

Open loop: a request is sent when it is due, whatever became of those before it, and its time counts from then.
A shopper who gets no answer, or 503, asks again under the same key as a good client does: after `Retry-After`, or
a pause that grows, at another process of the API if one is down, and for a bounded time.
"""

import argparse
import asyncio
import gc
import json
import resource
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from random import Random
from typing import Final

from tests.surge.offer import LoadPlan, request_bytes, schedule
from tests.surge.records import FAILED, Answer, Record, Told, Try, write
from tests.surge.wire import Connection, Reply

AGAIN: Final = frozenset({408, 429, 500, 502, 503, 504})
PAUSES: Final = (0.1, 0.2, 0.5, 1.0, 2.0)
ANSWER_WITHIN: Final = 20.0
"""Seconds after which one try is given up."""
OPEN_MOST: Final = 2_000
"""Connections at once; what is due beyond that waits, and its time counts."""
WARM: Final = 16
"""Connections to each process before the first request."""
KEPT_FOR: Final = 3.0
"""Seconds an idle connection is used again: servers close them after five."""
DOWN_FOR: Final = 0.3
_SWEEP: Final = 0.5


@dataclass
class Target:
    """One API process, and our idle connections to it."""

    host: str
    port: int
    idle: list[Connection] = field(default_factory=list)
    down_until: float = 0.0


@dataclass
class Asked:
    """A request under way."""

    stream: str
    order_id: str
    number: int
    due: float
    wire: bytes
    tries: list[Try] = field(default_factory=list)
    sent: float = 0.0
    connection: Connection | None = None
    finished: bool = False


class Generator:
    """Sends a plan's requests and keeps what came of them in `records`."""

    def __init__(self, plan: LoadPlan, on_begin: Callable[[float], None]) -> None:
        self.records: list[Record] = []
        self._plan = plan
        self._on_begin = on_begin
        self._targets = [_target(each) for each in plan.targets]
        self._turn = cycle(self._targets)
        self._loop = asyncio.get_running_loop()
        self._random = Random(f"retries {plan.seed}")
        self._asked = [
            Asked(stream.name, stream.order_id(number), number, due, self._bytes(place, number))
            for due, place, number in schedule(plan.streams)
            for stream in (plan.streams[place],)
        ]
        self._flying: dict[int, Asked] = {}
        self._waiting: deque[Asked] = deque()
        self._open = 0
        self._all_done = asyncio.Event()
        self._opening: set[asyncio.Task[None]] = set()
        self._began = 0.0

    def _bytes(self, place: int, number: int) -> bytes:
        return request_bytes(self._plan.streams[place], number, self._plan.seed, buyers=self._plan.buyers)

    async def run(self) -> Told:
        """Everything, to the last answer."""
        await asyncio.gather(*(self._connect(target, None) for target in self._targets for _ in range(WARM)))
        self._began = self._loop.time() + self._plan.lead
        began, cpu = time.time() + self._plan.lead, time.process_time()
        self._on_begin(began)
        sweeper = asyncio.create_task(self._sweep())
        for asked in self._asked:
            if (early := self._began + asked.due - self._loop.time()) > 0:
                await asyncio.sleep(early)
            self._send(asked)
        if len(self.records) < len(self._asked):
            await self._all_done.wait()
        sweeper.cancel()
        for task in self._opening:
            task.cancel()
        return Told(began, time.process_time() - cpu, tuple(self.records))

    @property
    def _now(self) -> float:
        return self._loop.time() - self._began

    def _send(self, asked: Asked) -> None:
        """On an idle connection of whoever's turn it is, else on a new one."""
        if asked.finished:
            return
        for target in (next(self._turn) for _ in self._targets):
            if (connection := self._idle(target)) is not None:
                self._ask(connection, asked)
                return
        if self._open < OPEN_MOST:
            self._open_for(asked)
        else:
            self._waiting.append(asked)

    def _idle(self, target: Target) -> Connection | None:
        """The one used last: the others may rest until they are too old."""
        while target.idle:
            connection = target.idle.pop()
            if not connection.closing and self._loop.time() - connection.used < KEPT_FOR:
                return connection
            connection.abort()
        return None

    def _ask(self, connection: Connection, asked: Asked) -> None:
        asked.sent, asked.connection = self._now, connection
        self._flying[id(asked)] = asked
        connection.ask(asked.wire, lambda reply: self._heard(asked, reply))

    def _open_for(self, asked: Asked) -> None:
        now = self._loop.time()
        up = next((each for each in (next(self._turn) for _ in self._targets) if each.down_until <= now), None)
        task = asyncio.create_task(self._connect(up or next(self._turn), asked))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _connect(self, target: Target, asked: Asked | None) -> None:
        """A new connection, for a request if there is one."""
        sent = self._now
        self._open += 1
        try:
            _, connection = await self._loop.create_connection(
                lambda: Connection(lambda each: self._rest(target, each), self._lost), target.host, target.port
            )
        except OSError:
            self._open -= 1
            target.down_until = self._loop.time() + DOWN_FOR
            if asked is not None:
                asked.sent = sent
                self._heard(asked, None)
            return
        connection.used = self._loop.time()
        if asked is None or asked.finished:
            self._rest(target, connection)
        else:
            self._ask(connection, asked)

    def _rest(self, target: Target, connection: Connection) -> None:
        """A connection has nothing to do: the longest waiting request takes it."""
        connection.used = self._loop.time()
        while self._waiting:
            asked = self._waiting.popleft()
            if not asked.finished:
                self._ask(connection, asked)
                return
        target.idle.append(connection)

    def _lost(self, _connection: Connection) -> None:
        self._open -= 1
        while self._waiting and self._open < OPEN_MOST:
            self._open_for(self._waiting.popleft())

    def _heard(self, asked: Asked, reply: Reply | None) -> None:
        """An answer, or none: done, or once more."""
        self._flying.pop(id(asked), None)
        asked.connection = None
        if asked.finished:
            return
        asked.tries.append(Try(asked.sent, self._now, reply.status if reply else FAILED))
        if reply is not None and reply.status not in AGAIN:
            self._finish(asked, *judged(reply, asked.order_id))
            return
        pause = self._pause(asked, reply)
        if self._now + pause - asked.due > self._plan.patience:
            self._finish(asked, "unanswered", reply.body[:200].decode(errors="replace") if reply else "")
        else:
            self._loop.call_later(pause, self._send, asked)

    def _pause(self, asked: Asked, reply: Reply | None) -> float:
        if reply is not None and reply.after is not None:
            return reply.after * (1 + self._random.random() / 10)
        return PAUSES[min(len(asked.tries), len(PAUSES)) - 1] * (0.5 + self._random.random())

    def _finish(self, asked: Asked, answer: Answer, said: str) -> None:
        asked.finished = True
        self.records.append(
            Record(asked.stream, asked.order_id, asked.number, asked.due, answer, tuple(asked.tries), said)
        )
        if len(self.records) == len(self._asked):
            self._all_done.set()

    async def _sweep(self) -> None:
        """Give up tries that take too long, and requests whose time is over."""
        while True:
            await asyncio.sleep(_SWEEP)
            now = self._now
            for asked in list(self._flying.values()):
                if now - asked.sent > ANSWER_WITHIN and asked.connection is not None:
                    asked.connection.abort()
            for asked in self._asked:
                if asked.due > now - self._plan.patience:
                    break
                if not asked.finished:
                    asked.tries.append(Try(asked.sent, now, FAILED))
                    self._finish(asked, "unanswered", "")


def judged(reply: Reply, order_id: str) -> tuple[Answer, str]:
    """What a final answer says, and how; a yes to another order is none."""
    if reply.status in (201, 202) and f'"{order_id}"'.encode() in reply.body:
        return "accepted", ""
    if reply.status == 409 and b'"sold_out"' in reply.body:
        return "refused", "sold_out"
    return "other", f"{reply.status} {reply.body[:300].decode(errors='replace')}"


def _target(text: str) -> Target:
    host, _, port = text.rpartition(":")
    return Target(host, int(port))


async def offer(plan: LoadPlan, on_begin: Callable[[float], None] = lambda _: None) -> Told:
    """Offer it all, in this process; `on_begin` hears when, in seconds since the epoch."""
    generator = Generator(plan, on_begin)
    gc.collect()
    gc.freeze()
    return await generator.run()


def main() -> None:
    """Read the plan, offer it, write what came of it; a line on stdout says when it begins."""
    parser = argparse.ArgumentParser(prog="python -m tests.surge.load", description=__doc__)
    parser.add_argument("plan", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    plan = LoadPlan.from_json(options.plan.read_text(encoding="utf-8"))
    write(options.out, asyncio.run(offer(plan, lambda began: print(json.dumps({"began": began}), flush=True))))


if __name__ == "__main__":
    main()
