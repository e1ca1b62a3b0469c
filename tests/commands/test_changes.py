"""`ordersaga order cancel|address|...` and `ordersaga attention`, before a real API whose running orders are a stub."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ordersaga.client_errors import OrderRefusedError, SagaUnreachableError
from ordersaga.commands.attention import AT_ONCE, format_age
from ordersaga.domain.journal import JournalUpdate
from ordersaga.domain.statuses import OrderStatus
from tests.support.api import attention, order_body
from tests.support.database import database_server, database_url
from tests.support.terminal import Terminal, terminal
from workflows.messages import Asked, CancelRequest, Resolution

__all__ = ["database_server", "database_url", "terminal"]

SHIP_TO = ("--name", "Ada", "--line1", "2 Main St", "--city", "Oakland", "--region", "CA", "--postal-code", "94601")

CHANGES: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "address": (SHIP_TO, {"ship_to": {"line1": "2 Main St", "region": "CA", "country": "US"}}),
    "expedite": (("--parcel", "1"), {"parcel": 1}),
    "split": (("1", "--line", "MUG=1"), {"parcel": 1, "lines": [{"sku": "MUG", "quantity": 1}]}),
    "move": (("1", "ca-1"), {"parcel": 1, "location": "ca-1", "provider": "shipbob"}),
    "carrier": (("1", "ups"), {"parcel": 1, "carrier": "ups"}),
    "refund": (("450",), {"amount": 450, "parcel": 0}),
    "payment": (("pm_card_amex", "--customer", "cus_1"), {"payment": {"payment_method": "pm_card_amex"}}),
    "delay": (("--refuse",), {"consent": False}),
}


async def place(terminal: Terminal, order_id: str = "web_1") -> None:
    """Place an order of one MUG."""
    assert (await terminal.api.post("/v1/orders", order_body(order_id=order_id))).status_code == 202


async def ask(terminal: Terminal, order_id: str, **changes: Any) -> None:
    """Place an order about which there is a question, two days and three hours old."""
    await place(terminal, order_id)
    opened = datetime.now(UTC) - timedelta(hours=51)
    item = attention(order_id, f"{order_id}-a1").model_copy(update={"opened_at": opened, **changes})
    update = JournalUpdate(order_id=order_id, status=OrderStatus.NEEDS_ATTENTION, attention=(item,))
    await terminal.api.services.journal.record(update)


@pytest.mark.parametrize("command", CHANGES)
async def test_a_change_is_asked_for_and_its_answer_shown(terminal: Terminal, command: str) -> None:
    """As text and as JSON; what was typed is what the saga hears."""
    await place(terminal)
    words, expected = CHANGES[command]
    outcome = await terminal("order", command, "web_1", *words, "--reason", "asked")
    assert (outcome.code, outcome.out) == (0, "done: it is done\nchange:      c1\n"), outcome.err
    (asked,) = terminal.orders.requests
    said = asked.model_dump(mode="json")
    assert said["reason"] == "asked"
    for name, value in expected.items():
        assert said[name] == value or value.items() <= said[name].items()
    answer = json.loads((await terminal("order", command, "web_1", *words, "--json")).out)
    assert (answer["order_id"], answer["outcome"]) == ("web_1", "done")


async def test_a_delay_is_answered_either_way(terminal: Terminal) -> None:
    """Without an answer nothing is asked, and both are named."""
    await place(terminal)
    silent = await terminal("order", "delay", "web_1")
    assert (silent.code, silent.out, terminal.orders.requests) == (2, "", [])
    assert silent.err == "ordersaga: say what the shopper answered: --consent to keep waiting, or --refuse\n"


async def test_a_repeated_command_is_the_same_request(terminal: Terminal) -> None:
    """With its key."""
    await place(terminal)
    for _ in range(2):
        assert (await terminal("order", "refund", "web_1", "5", "--idempotency-key", "k")).code == 0
    ids = [asked.request_id for asked in terminal.orders.requests if isinstance(asked, Asked)]
    assert ids[0] == ids[1] is not None


async def test_a_refused_change_ends_with_one_line_that_says_what_to_do(terminal: Terminal) -> None:
    """Exit code 1; what is only taken is exit code 0."""
    await place(terminal)
    terminal.orders.changed = {"outcome": "refused", "message": "parcel 1 has left; offer a return"}
    refused = await terminal("order", "expedite", "web_1")
    assert (refused.code, refused.out) == (1, "")
    assert refused.err == "ordersaga: change_refused: parcel 1 has left; offer a return\n"
    terminal.orders.changed = {"outcome": "awaiting_approval", "message": "a second person must agree"}
    waiting = await terminal("order", "refund", "web_1", "9999")
    assert (waiting.code, waiting.out.splitlines()[0]) == (0, "awaiting_approval: a second person must agree")


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("order", "cancel", "web_1", "--line", "MUG"), 2, "--line MUG: give a SKU"),
        (("order", "cancel", "web_1", "--line", "MUG=0"), 2, "--line MUG=0"),
        (("order", "cancel", "web_1", "--line", "MUG=²"), 2, "--line MUG=²"),
        (("order", "cancel", "web_1", "--line", "=1"), 2, "--line =1"),
        (("order", "cancel", "web_1", "--line", "MUG=" + "9" * 5000), 2, "--line MUG=9"),
        (("order", "cancel", "web_1", "--line", "CAP=1"), 1, "lines[0].sku: the order has no SKU CAP (use one of MUG)"),
        (("order", "cancel", "web_1", "--line", "MUG=2"), 1, "lines[0].quantity: the order has 1 of MUG"),
        (("order", "split", "web_1", "1"), 2, "--line: say which units"),
        (("order", "split", "web_1", "0", "--line", "MUG=1"), 2, "PARCEL"),
        (("order", "move", "web_1", "1", "moon"), 1, "location: no location is called moon (use one of ca-1, nj-1)"),
        (("order", "refund", "web_1", "4.50"), 2, "AMOUNT"),
        (("order", "refund", "web_1", "5.00"), 2, "amounts are minor units: 500 is USD 5.00"),
        (("order", "refund", "web_1", "1_000"), 2, "minor units"),
        (("order", "payment", "web_1", "4242"), 1, "payment.payment_method"),
        (("order", "delay", "web_1"), 2, "--consent"),
        (("order", "address", "web_1", *SHIP_TO, "--country", "usa"), 1, "ship_to.country"),
        (("attention", "resolve-many", "adopt", "--reason", "x"), 2, "at least one of --kind"),
        (("attention", "resolve-many", "adopt", "--reason", "x", "--kind", "Lost!"), 1, "filter.kind"),
        (("order", "cancel", "no/pe x"), 1, "order_id: "),
        (("order", "cancel", "..", "--preview"), 1, "order_id: "),
        (("order", "cancel", ""), 1, "order_id: "),
        (("order", "show", "ghost"), 1, "there is no order ghost; list them: `GET /v1/orders`, `ordersaga order list`"),
        (("return", "show", "ghost-r1"), 1, "`ordersaga return list ORDER_ID`"),
        (("attention", "resolve", "ghost", "adopt", "--reason", "x"), 1, "`ordersaga attention list`"),
        (("webhooks", "deliveries", "whe_0123456789abcdef"), 1, "`ordersaga webhooks list`"),
        (("attention", "list", "--older-than", "0"), 2, "--older-than"),
        (("attention", "list", "--provider", "Ship Bob"), 1, "provider"),
    ],
)
async def test_bad_input_is_named_and_nothing_is_asked(
    terminal: Terminal, words: tuple[str, ...], code: int, told: str
) -> None:
    """2 where the command line is wrong, 1 where the API refuses; never a traceback."""
    await place(terminal)
    outcome = await terminal(*words)
    assert (outcome.code, outcome.out) == (code, "")
    assert told in outcome.err
    assert "Traceback" not in outcome.err
    assert terminal.orders.requests == []


async def test_units_are_canceled_and_previewed(terminal: Terminal) -> None:
    """The preview asks and does nothing; parts are shown as a table."""
    await place(terminal)
    preview = await terminal("order", "cancel", "web_1", "--line", "MUG=1", "--preview")
    assert (preview.code, preview.out) == (0, "too_late: not given\n")
    done = await terminal("order", "cancel", "web_1", "--line", "MUG=1", "--reason", "changed", "--json")
    assert json.loads(done.out)["message"] == "changed"
    assert [what for what, _ in terminal.orders.asked] == ["place", "preview_cancel", "cancel"]
    lines = [asked.lines for asked in terminal.orders.requests if isinstance(asked, CancelRequest)]
    assert [[(line.sku, line.quantity) for line in each] for each in lines] == [[("MUG", 1)], [("MUG", 1)]]


async def test_the_preview_of_an_order_that_has_ended_is_told_from_its_record(terminal: Terminal) -> None:
    """Nothing of it can be undone: said with what is left to do."""
    terminal.orders.fail = {"place": SagaUnreachableError("away")}
    await place(terminal)
    await terminal.api.services.journal.record(JournalUpdate(order_id="web_1", status=OrderStatus.COMPLETED))
    answer = await terminal("order", "cancel", "web_1", "--preview")
    next_step = "next:        nothing of it can be undone any more\n"
    assert (answer.code, answer.out) == (0, f"too_late: it has ended: completed\n{next_step}")


@pytest.mark.parametrize(
    ("words", "outcome"),
    [
        (("hold", "web_1", "fraud_check"), "refused"),
        (("release", "web_1", "fraud_check"), "refused"),
        (("address", "web_1", *SHIP_TO), "refused"),
        (("refund", "web_1", "450"), "refused"),
    ],
)
async def test_each_of_these_may_be_foretold(terminal: Terminal, words: tuple[str, ...], outcome: str) -> None:
    """As text and as JSON, with why; a refusal ends as in earnest. Nothing is asked of the order."""
    await place(terminal)
    await terminal.api.services.journal.record(JournalUpdate(order_id="web_1", status=OrderStatus.COMPLETED))
    told = await terminal("order", *words, "--preview")
    first, *effects, last = told.out.splitlines()
    ends = (1, "nothing was done") if outcome == "refused" else (0, "nothing was done: leave out --preview to do it")
    assert (first, told.code, last) == (outcome, *ends), told.err
    as_json = await terminal("order", *words, "--preview", "--json")
    foretold = json.loads(as_json.out)
    assert (as_json.code, foretold["outcome"], foretold["effects"]) == (told.code, outcome, effects)
    assert effects
    assert [what for what, _ in terminal.orders.asked] == ["place"]


async def test_a_hold_that_is_not_there_is_said(terminal: Terminal) -> None:
    """The saga's words, and exit code 1."""
    await place(terminal)
    message = "no hold 'fraud_review' is in force; in force: none"
    terminal.orders.fail = {"release_hold": OrderRefusedError("refused", message)}
    outcome = await terminal("order", "release", "web_1", "fraud_review")
    assert (outcome.code, outcome.out, outcome.err) == (1, "", f"ordersaga: refused: {message}\n")


async def test_a_refused_order_is_printed_as_json_too(terminal: Terminal, tmp_path: Path) -> None:
    """The answer stands where the order would; the exit code stays 1."""
    file = tmp_path / "order.json"
    lines = [{"sku": "MUG", "quantity": 99, "unit_price": 1000}]
    file.write_text(json.dumps(order_body(order_id="web_2", lines=lines)))
    outcome = await terminal("order", "place", str(file), "--json")
    (answer,) = json.loads(outcome.out)
    assert (outcome.code, answer["code"], answer["status"], answer["skus"]) == (1, "sold_out", 409, ["MUG"])
    assert "web_2: sold_out" in outcome.err


async def test_questions_are_listed_with_age_and_money(terminal: Terminal) -> None:
    """And found by what they are about."""
    await ask(terminal, "web_1", money=1234, currency="USD", proposed="adopt", proposed_by="office")
    await ask(terminal, "web_2", kind="lost_parcel")
    out = (await terminal("attention", "list", "--older-than", "48")).out
    assert "2d 3h" in out
    assert "USD 12.34" in out
    assert "adopt by office" in out
    only = json.loads((await terminal("attention", "list", "--kind", "lost_parcel", "--json")).out)["items"]
    assert [(item["order_id"], item["age_seconds"] // 3600) for item in only] == [("web_2", 51)]


async def test_a_choice_that_needs_a_second_person_is_told(terminal: Terminal) -> None:
    """Exit code 0: it is taken, and the question stays open."""
    await ask(terminal, "web_1")
    terminal.orders.resolved = {"resolved": None, "proposed": "adopt", "proposed_by": "test operator:ann"}
    outcome = await terminal("attention", "resolve", "web_1-a1", "adopt", "--reason", "seen", "--by", "ann")
    said = "adopt is proposed by test operator:ann; a second person must make the same choice"
    assert (outcome.code, outcome.out) == (0, f"web_1-a1 of order web_1: {said}\n")


async def test_many_are_answered_only_when_told_to(terminal: Terminal) -> None:
    """A dry run first; with --apply each is answered, and a failure is exit code 1 after all were tried."""
    for order_id in ("web_1", "web_2"):
        await ask(terminal, order_id, money=500, currency="USD")
    words = ("attention", "resolve-many", "adopt", "--kind", "unknown_capture", "--reason", "seen")
    dry = await terminal(*words)
    assert dry.code == 0
    assert "would be resolved: 2" in dry.out
    assert "nothing was done: add --apply to do it" in dry.out
    assert "at stake:    USD 10.00" in dry.out
    assert terminal.orders.requests == []
    terminal.orders.refuse = {"web_1": SagaUnreachableError("away")}
    done = await terminal(*words, "--apply", "--json")
    assert (done.code, done.err) == (1, "ordersaga: 1 of 2 failed and are still open\n")
    assert {item["order_id"]: item["result"] for item in json.loads(done.out)["items"]} == {
        "web_1": "failed",
        "web_2": "resolved",
    }
    assert len([said for said in terminal.orders.requests if isinstance(said, Resolution)]) == 2


async def test_very_many_are_answered_a_few_at_a_time(terminal: Terminal) -> None:
    """Each once, and told together."""
    await place(terminal)
    items = [attention("web_1", f"web_1-a{number}") for number in range(AT_ONCE + 1)]
    asked = tuple(item.model_copy(update={"money": 100, "currency": "USD"}) for item in items)
    update = JournalUpdate(order_id="web_1", status=OrderStatus.NEEDS_ATTENTION, attention=asked)
    await terminal.api.services.journal.record(update)
    words = ("attention", "resolve-many", "adopt", "--kind", "unknown_capture", "--reason", "seen", "--apply")
    done = await terminal(*words, "--json")
    told = json.loads(done.out)
    assert (done.code, told["dry_run"], told["totals"]["resolved"]) == (0, False, AT_ONCE + 1)
    assert told["totals"]["money"] == {"USD": 100 * (AT_ONCE + 1)}
    said = [said.item_id for said in terminal.orders.requests if isinstance(said, Resolution)]
    assert sorted(said) == sorted(each["item_id"] for each in told["items"])
    assert len(set(said)) == AT_ONCE + 1


async def test_a_question_that_is_not_open_is_named(terminal: Terminal) -> None:
    """Alone or beside one that is, foretold or in earnest: exit code 1, and which."""
    await ask(terminal, "web_1")
    words = ("attention", "resolve-many", "adopt", "--reason", "seen", "--item", "ghost-a1")
    alone = await terminal(*words)
    assert alone.code == 1
    told = "ordersaga: no open question matches --item ghost-a1; list them: ordersaga attention list\n"
    assert alone.err == told
    (item,) = json.loads((await terminal("attention", "list", "--json")).out)["items"]
    beside = await terminal(*words, "--item", item["item_id"])
    assert (beside.code, beside.err, "would be resolved: 1" in beside.out) == (1, told, True)
    assert terminal.orders.requests == []


async def test_nothing_is_a_sentence(terminal: Terminal) -> None:
    """No empty table; JSON stays as it was."""
    assert (await terminal("attention", "list")).out == "nothing waits for a person\n"
    assert (await terminal("attention", "list", "--seller", "acme")).out == "nothing that matches waits for a person\n"
    assert (await terminal("stop", "list", "--standing")).out == "nothing is stopped\n"
    assert (await terminal("order", "list")).out == "there are no orders\n"
    assert json.loads((await terminal("attention", "list", "--json")).out) == {"items": []}


async def test_a_choice_that_nothing_offers_is_told(terminal: Terminal) -> None:
    """A dry run says so; with --apply it is exit code 1 with the choices there are, and nobody is asked."""
    await ask(terminal, "web_1")
    words = ("attention", "resolve-many", "nosuch", "--kind", "unknown_capture", "--reason", "seen")
    dry = await terminal(*words)
    assert (dry.code, "would be resolved: 0" in dry.out, "not_offered" in dry.out) == (0, True, True)
    done = await terminal(*words, "--apply")
    assert done.code == 1
    assert "nothing was resolved: none of 1 offers nosuch; its choices are " in done.err
    none = await terminal("attention", "resolve-many", "adopt", "--kind", "nosuch", "--reason", "seen", "--apply")
    advice = "no open question matches; list them: ordersaga attention list"
    assert (none.code, none.err) == (1, f"ordersaga: {advice}\n")
    assert terminal.orders.requests == []


@pytest.mark.parametrize(
    ("seconds", "age"), [(0, "0m"), (59, "0m"), (300, "5m"), (14_700, "4h 5m"), (273_600, "3d 4h")]
)
def test_an_age_is_read_at_a_glance(seconds: int, age: str) -> None:
    """Two units at most."""
    assert format_age(seconds) == age
