"""Outgoing webhooks: a persisted outbox, delivered in order, resent until a 2xx, bent by rules on request."""

import asyncio
import contextlib
import itertools
import json
import logging
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

import httpx
from pydantic import BaseModel, ConfigDict, Field

from emulators.common.clock import Clock
from emulators.common.store import Store

_SCHEMA = """
CREATE TABLE IF NOT EXISTS outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT, position INTEGER NOT NULL, message_id TEXT NOT NULL, topic TEXT NOT NULL,
    subject TEXT NOT NULL, url TEXT NOT NULL, secret TEXT, body TEXT NOT NULL, due REAL NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, state TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS outbox_state ON outbox (state, position);
CREATE INDEX IF NOT EXISTS outbox_position ON outbox (position);
"""
_BATCH = 100
_LANES = 8
_TIMEOUT = 10.0
_FIRST_BACKOFF, _LONGEST_BACKOFF, _ATTEMPTS = 0.25, 10.0, 200
_SWAP_SECONDS = 1.0
_LONGEST_SLEEP = 3600.0
_OPEN = "state IN ('waiting', 'held') AND url NOT IN (SELECT value FROM json_each(?))"

_log = logging.getLogger(__name__)


class WebhookRule(BaseModel):
    """What happens to matching messages on their way out."""

    model_config = ConfigDict(extra="forbid")

    duplicate: int = Field(default=0, ge=0)
    delay_ms: int = Field(default=0, ge=0)
    reorder: bool = False
    drop: bool = False
    match: str | None = None
    times: int | None = Field(default=None, ge=1)


@dataclass(frozen=True)
class Message:
    """One webhook. Messages of one `subject` are delivered one after the other, in order."""

    id: str
    topic: str
    subject: str
    body: str
    url: str
    secret: str | None = None


Sign = Callable[[Message], dict[str, str]]


class Webhooks:
    """The outbox and its sender.

    Different subjects go out side by side, one subject stays in order. A refused message (not 2xx) is resent
    alone with a growing pause, as vendors do; an unreachable receiver pauses all that goes to its URL, in order.
    States of a row: `waiting`, `held` (to be swapped with the next), `done`, `dropped`, `failed`.
    """

    def __init__(self, store: Store, clock: Clock, sign: Sign) -> None:
        self._store, self._db, self._clock, self._sign = store, store.db, clock, sign
        self._rules: list[WebhookRule] = [WebhookRule(**rule) for rule in store.value("webhook_rules") or []]
        self._changed = asyncio.Event()
        self._paused: dict[str, float] = {}
        self._sending = asyncio.Lock()
        self._db.executescript(_SCHEMA)

    def add_rule(self, rule: WebhookRule) -> None:
        """Put a rule in force for messages sent from now on."""
        self._save_rules([*self._rules, rule])

    def clear_rules(self) -> None:
        """Lift every rule. Messages already bent stay so."""
        self._save_rules([])

    def _save_rules(self, rules: list[WebhookRule]) -> None:
        self._rules = rules
        self._store.set_value("webhook_rules", [rule.model_dump() for rule in rules])

    def status(self) -> dict[str, object]:
        """Rules in force and how many messages are in which state."""
        rows = self._db.execute("SELECT state, count(*) AS n FROM outbox GROUP BY state").fetchall()
        return {"rules": [rule.model_dump() for rule in self._rules], **{row["state"]: row["n"] for row in rows}}

    def emit(self, message: Message) -> None:
        """Put a message into the outbox, inside the caller's transaction if there is one."""
        rule = self._take_rule(message)
        now = self._clock.now()
        due, state = now + rule.delay_ms / 1000, "dropped" if rule.drop else "waiting"
        with self._store.transaction():
            held = self._db.execute("SELECT id FROM outbox WHERE state = 'held'").fetchone()
            if rule.reorder and held is None and not rule.drop:
                due, state = now + _SWAP_SECONDS, "held"
            for _ in range(1 + rule.duplicate):
                self._insert(message, due, state)
            if state == "waiting" and held is not None:
                self._release_held(message.subject)
        self._changed.set()

    def _take_rule(self, message: Message) -> WebhookRule:
        """The first rule concerning a message; a rule with `times` wears out."""
        for number, rule in enumerate(self._rules):
            if rule.match is None or rule.match in message.body or rule.match in message.topic:
                if rule.times is not None:
                    left = [rule.model_copy(update={"times": rule.times - 1})] if rule.times > 1 else []
                    self._save_rules(self._rules[:number] + left + self._rules[number + 1 :])
                return rule
        return WebhookRule()

    def _insert(self, message: Message, due: float, state: str) -> None:
        self._db.execute(
            "INSERT INTO outbox (position, message_id, topic, subject, url, secret, body, due, state) "
            "VALUES ((SELECT ifnull(max(position), 0) + 1 FROM outbox), ?, ?, ?, ?, ?, ?, ?, ?)",
            (message.id, message.topic, message.subject, message.url, message.secret, message.body, due, state),
        )

    def _release_held(self, subject: str) -> None:
        """Let what was held go right behind the message just queued."""
        self._db.execute(
            "UPDATE outbox SET state = 'waiting', due = 0, subject = ?, "
            "position = (SELECT max(position) + 1 FROM outbox) WHERE state = 'held'",
            (subject,),
        )

    async def run(self) -> None:
        """Deliver what is due, forever."""
        async with httpx.AsyncClient(timeout=_TIMEOUT, trust_env=False) as client:
            while True:
                self._changed.clear()
                try:
                    busy = await self._deliver_due(client)
                except Exception:
                    _log.exception("delivering webhooks failed and will be tried again")
                    await asyncio.sleep(1)
                    continue
                if not busy:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._changed.wait(), self._pause())

    def _paused_urls(self) -> str:
        """Receivers not to be tried now, as JSON for a query."""
        now = self._clock.now()
        self._paused = {url: until for url, until in self._paused.items() if until > now}
        return json.dumps(list(self._paused))

    def _pause(self) -> float:
        """Real seconds until something is due or a receiver may be tried again."""
        paused = self._paused_urls()
        row = self._db.execute(f"SELECT min(due) AS due FROM outbox WHERE {_OPEN}", (paused,)).fetchone()  # noqa: S608 - a constant
        moments = [*self._paused.values(), *([] if row["due"] is None else [float(row["due"])])]
        return max(0.005, min(moments) - self._clock.now()) if moments else _LONGEST_SLEEP

    async def settled(self) -> None:
        """Wait until nothing is on its way: what was forgotten meanwhile is not sent any more."""
        async with self._sending:
            return

    async def _deliver_due(self, client: httpx.AsyncClient) -> bool:
        """Send one batch; answers whether there was anything to send."""
        query = f"SELECT * FROM outbox WHERE {_OPEN} AND due <= ? ORDER BY position LIMIT ?"  # noqa: S608 - a constant
        rows = self._db.execute(query, (self._paused_urls(), self._clock.now(), _BATCH)).fetchall()
        by_lane = sorted(rows, key=lambda row: (row["url"], row["subject"], row["position"]))
        lanes = [list(group) for _, group in itertools.groupby(by_lane, key=lambda row: (row["url"], row["subject"]))]
        gate = asyncio.Semaphore(_LANES)
        async with self._sending:
            await asyncio.gather(*(self._deliver_lane(client, lane, gate) for lane in lanes))
        return bool(rows)

    async def _deliver_lane(self, client: httpx.AsyncClient, rows: list[sqlite3.Row], gate: asyncio.Semaphore) -> None:
        async with gate:
            for row in rows:
                if not self._known(row) or not await self._attempt(client, row):
                    return

    def _known(self, row: sqlite3.Row) -> bool:
        """Whether it is still to be sent: everything may have been forgotten meanwhile."""
        same = (row["id"], row["message_id"])
        return self._db.execute("SELECT 1 FROM outbox WHERE id = ? AND message_id = ?", same).fetchone() is not None

    async def _attempt(self, client: httpx.AsyncClient, row: sqlite3.Row) -> bool:
        """Send one message; answers whether the receiver could be reached."""
        message = Message(row["message_id"], row["topic"], row["subject"], row["body"], row["url"], row["secret"])
        headers = {"content-type": "application/json", **self._sign(message)}
        try:
            answer = await client.post(message.url, content=message.body, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL):
            self._paused[message.url] = self._postpone(row)
            return False
        if answer.is_success:
            self._db.execute("UPDATE outbox SET state = 'done', attempts = attempts + 1 WHERE id = ?", (row["id"],))
        else:
            self._postpone(row)
        return True

    def _postpone(self, row: sqlite3.Row) -> float:
        """Note a failed attempt; answers when the next one is due."""
        attempts = row["attempts"] + 1
        due = self._clock.now() + min(_LONGEST_BACKOFF, _FIRST_BACKOFF * 2 ** min(attempts - 1, 10))
        state = "failed" if attempts >= _ATTEMPTS else "waiting"
        self._db.execute(
            "UPDATE outbox SET attempts = ?, due = ?, state = ? WHERE id = ?", (attempts, due, state, row["id"])
        )
        return float(due)
