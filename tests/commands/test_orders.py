"""`ordersaga order`, `stock`, `attention`: real processes' worth of command line before a real API."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from ordersaga.domain.books import MoneyTransaction, captured, refunded
from ordersaga.domain.journal import JournalUpdate, ParcelAddress
from ordersaga.domain.statuses import ConfirmOutcome, OrderStatus
from tests.fakes.samples import address
from tests.support.api import answered, attention, order_body
from tests.support.database import database_server, database_url
from tests.support.emulators import free_port
from tests.support.terminal import Terminal, exit_code, terminal

__all__ = ["database_server", "database_url", "terminal"]

CSV = (
    "order_id,seller,sku,quantity,unit_price,name,line1,city,region,postal_code,country,payment_method\n"
    "web_1,acme,MUG,2,1000,Ada,1 Main St,Oakland,CA,94601,US,pm_card_visa\n"
    "web_2,acme,MUG,99,1000,Ada,1 Main St,Oakland,CA,94601,US,pm_card_visa\n"
)


async def test_a_parcel_that_goes_elsewhere_is_told_with_its_place(terminal: Terminal, tmp_path: Path) -> None:
    """In a line of its own, and in JSON; not whose address it is."""
    file = tmp_path / "order.json"
    file.write_text(json.dumps(order_body(order_id="web_1")))
    await terminal("order", "place", str(file))
    assert "elsewhere" not in (await terminal("order", "show", "web_1")).out
    went = ParcelAddress(parcel=1, ship_to=address(name="Zebulon", line1="9 Quay", city="Boston", region="MA"))
    update = JournalUpdate(order_id="web_1", status=OrderStatus.FULFILLING, elsewhere=(went,))
    await terminal.api.services.journal.record(update)
    assert "parcel 1 goes to Boston, MA, US" in (await terminal("order", "show", "web_1")).out
    shown = await terminal("order", "show", "web_1", "--json")
    assert json.loads(shown.out)["elsewhere"] == [{"parcel": 1, "city": "Boston", "region": "MA", "country": "US"}]
    assert "Zebulon" not in shown.out


async def test_a_json_order_is_placed_and_read_back(terminal: Terminal, tmp_path: Path) -> None:
    """Place, show, list, explain and timeline, as tables and as JSON; what keeps it is part of why."""
    file = tmp_path / "order.json"
    file.write_text(json.dumps(order_body(order_id="web_1")))
    placed = await terminal("order", "place", str(file), "--wait", "3")
    assert placed.code == 0, placed.err
    assert "USD 15.90" in placed.out
    shown = await terminal("order", "show", "web_1", "--json")
    assert json.loads(shown.out)["order_id"] == "web_1"
    assert "nj-1" in (await terminal("order", "show", "web_1")).out
    assert "web_1" in (await terminal("order", "list")).out
    assert [o["order_id"] for o in json.loads((await terminal("order", "list", "--json")).out)["orders"]] == ["web_1"]
    told = (await terminal("order", "explain", "web_1")).out
    assert told.startswith("It waits for the carrier. Parcel 1 ships from nj-1 (shipbob), in zone 2: ")
    assert (await terminal("order", "timeline", "web_1")).code == 0
    await terminal("lanes", "open", "provider-shipbob", "--reason", "orders get lost there")
    told = (await terminal("order", "explain", "web_1")).out
    assert "The breaker of provider-shipbob is kept open by test operator since " in told
    assert "(orders get lost there). No call passes before " in told
    assert "ordersaga lanes auto provider-shipbob --reason WHY" in told


async def test_a_csv_places_what_it_can_and_says_what_was_refused(terminal: Terminal, tmp_path: Path) -> None:
    """One sold out of two: exit code 1, one line, the other is placed; placing the file again places nothing twice."""
    file = tmp_path / "orders.csv"
    file.write_text(CSV)
    for _ in range(2):
        outcome = await terminal("order", "place", str(file))
        assert outcome.code == 1
        assert outcome.err.startswith("ordersaga: 1 order(s) refused; web_2: sold_out: too few units left of MUG")
        assert outcome.err.count("\n") == 1
    (level,) = json.loads((await terminal("stock", "list", "--json")).out)["levels"]
    assert level["held"] == 2


async def test_every_refused_value_of_an_order_is_told(terminal: Terminal, tmp_path: Path) -> None:
    """Also without --json: each with its field and remedy, in the table and in the one line."""
    file = tmp_path / "order.json"
    file.write_text('{"a": 1}')
    answer = json.loads((await terminal("order", "place", str(file), "--json")).out)[0]
    outcome = await terminal("order", "place", str(file))
    fields = [error["field"] for error in answer["errors"]]
    assert (outcome.code, len(fields) > 3, outcome.err.count("\n")) == (1, True, 1)
    assert [field for field in fields if f"{field}: " not in outcome.err or f"{field}: " not in outcome.out] == []
    assert "see errors" not in outcome.out


async def test_what_was_taken_and_given_back_is_shown(terminal: Terminal, tmp_path: Path) -> None:
    """With the order, to whoever may see its books; the time to ship by is written as everywhere else."""
    file = tmp_path / "order.json"
    file.write_text(json.dumps(order_body(order_id="web_1")))
    await terminal("order", "place", str(file))
    before = (await terminal("order", "show", "web_1")).out
    assert "captured" not in before
    assert re.search(r"^ship by: +\d{4}-\d\d-\d\d \d\d:\d\d UTC$", before, re.MULTILINE)
    paid = (("capture", captured(1590, 1590)), ("refund", refunded(590)), ("goodwill", refunded(100)))
    for memo, postings in paid:
        head = {"transaction_id": f"web_1/{memo}", "order_id": "web_1", "parcel": 1, "currency": "USD", "memo": memo}
        await terminal.api.services.effects.post(MoneyTransaction(**head, postings=postings))
    shown = (await terminal("order", "show", "web_1")).out
    assert "captured:    USD 15.90\nrefunded:    USD 6.90\n" in shown
    theirs = await terminal("order", "show", "web_1", role="checkout")
    assert (theirs.code, "captured" in theirs.out) == (0, False), theirs.err


async def test_a_bad_csv_places_nothing(terminal: Terminal, tmp_path: Path) -> None:
    """Every bad row is named; the API hears of none."""
    file = tmp_path / "orders.csv"
    file.write_text(CSV.replace("MUG,99", "MUG,many"))
    outcome = await terminal("order", "place", str(file))
    assert outcome.code == 1
    assert "line 3, column quantity" in outcome.err
    assert terminal.orders.asked == []


async def test_a_declined_order_fails_with_its_reason(terminal: Terminal, tmp_path: Path) -> None:
    """The decline is one line."""
    terminal.orders.answer = lambda order: answered(
        order, ConfirmOutcome.DECLINED, OrderStatus.REJECTED, reason="lost_card"
    )
    file = tmp_path / "order.json"
    file.write_text(json.dumps(order_body(order_id="web_1")))
    outcome = await terminal("order", "place", str(file))
    assert outcome.code == 1
    assert "declined" in outcome.err
    assert "lost_card" in outcome.err


async def test_cancel_hold_and_release(terminal: Terminal, tmp_path: Path) -> None:
    """Support's three commands reach the order."""
    await terminal.api.post("/v1/orders", order_body(order_id="web_1"))
    assert "fraud_review" in (await terminal("order", "hold", "web_1", "fraud_review", "--reason", "odd")).out
    assert "none" in (await terminal("order", "release", "web_1", "fraud_review")).out
    assert (await terminal("order", "cancel", "web_1", "--reason", "changed")).out == "canceled: changed\n"
    assert [what for what, _ in terminal.orders.asked] == ["place", "place_hold", "release_hold", "cancel"]


async def test_attention_is_listed_and_resolved(terminal: Terminal) -> None:
    """The choices are shown; a wrong one is refused with the right ones."""
    await terminal.api.post("/v1/orders", order_body(order_id="web_1"))
    item = attention("web_1", "capture-1")
    update = JournalUpdate(order_id="web_1", status=OrderStatus.NEEDS_ATTENTION, attention=(item,))
    await terminal.api.services.journal.record(update)
    assert "retry, adopt" in (await terminal("attention", "list")).out
    wrong = await terminal("attention", "resolve", "capture-1", "burn", "--reason", "x")
    assert (wrong.code, "use one of retry, adopt" in wrong.err) == (1, True)
    right = await terminal("attention", "resolve", "capture-1", "adopt", "--reason", "seen")
    assert (right.code, right.out) == (0, "capture-1 of order web_1: adopt\n")


async def test_a_failed_message_is_listed_and_requeued(terminal: Terminal) -> None:
    """Given up on: shown with its reason, and delivered after all when somebody says so; once."""
    inbox = terminal.api.services.inbox
    await inbox.store("shipbob", "m1", "web_1", {})
    (message,) = await inbox.claim(1)
    await terminal.api.services.pool.execute("UPDATE webhook_inbox SET attempts = 99")
    assert await inbox.mark_failed(message.id, "shipbob_credentials: check the token") is False
    assert "shipbob_credentials: check the token" in (await terminal("inbox", "list")).out
    (listed,) = json.loads((await terminal("inbox", "list", "--json")).out)["messages"]
    assert (listed["id"], listed["order_id"], listed["attempts"]) == (message.id, "web_1", 99)
    again = await terminal("inbox", "requeue", str(message.id))
    told = f"message {message.id} of shipbob (m1, order web_1) is delivered again\n"
    assert (again.code, again.out) == (0, told)
    assert [due.id for due in await inbox.claim(9)] == [message.id]
    twice = await terminal("inbox", "requeue", str(message.id))
    assert (twice.code, "message_not_found" in twice.err) == (1, True)
    await inbox.mark_ignored(message.id, "not ours")
    guessed = await terminal("inbox", "requeue", str(message.id))
    assert (guessed.code, "list them: `GET /v1/inbox`, `ordersaga inbox list`" in guessed.err) == (1, True)
    assert (await terminal("inbox", "list")).out == "nothing was given up on\n"
    assert json.loads((await terminal("inbox", "list", "--json")).out) == {"messages": []}
    assert (await terminal("inbox", "list", role="support")).code == 1


async def test_stock_is_loaded_or_nothing_of_it(terminal: Terminal, tmp_path: Path) -> None:
    """A good file is loaded; of a bad one every bad row is told on a line of its own, and nothing is loaded."""
    file = tmp_path / "catalog.csv"
    file.write_text("kind,location,sku,quantity,receipt_id\nstock,nj-1,TEE,7,r-7\n")
    assert (await terminal("stock", "load", str(file))).out.startswith("loaded 0 sellers, 0 locations, 0 products, 1 ")
    file.write_text("kind,location,sku,quantity,receipt_id\nstock,nj-1,TEE,8,r-8\nstock,moon,TEE,-1,r-9\n")
    bad = await terminal("stock", "load", str(file))
    assert (bad.code, "\nline 3, column quantity" in bad.err) == (1, True)
    told = "\nline 3, column location: neither the file nor the catalog has moon; add a location row, or correct it\n"
    assert told in bad.err
    levels = json.loads((await terminal("stock", "list", "--sku", "TEE", "--json")).out)["levels"]
    assert [level["on_hand"] for level in levels] == [7]


@pytest.mark.parametrize(
    ("words", "options", "code", "told"),
    [
        (("order", "show", "ghost"), {}, 1, "order_not_found"),
        (("order", "list"), {"role": "osk_wrong"}, 2, "unauthorized"),
        (("order", "list"), {"role": "osk_wrong"}, 2, "correct --api-key / ORDERSAGA_API_KEY"),
        (("order", "cancel", "x"), {"role": "checkout"}, 1, "support or operator"),
        (("order", "list"), {"url": "http://127.0.0.1:{port}"}, 3, "ordersaga up"),
        (("order", "place", "/nowhere.json"), {}, 2, "cannot read"),
        (("order", "list", "--limit", "0"), {}, 2, "--limit"),
    ],
)
async def test_errors_are_one_line_with_a_remedy_and_a_code(
    terminal: Terminal, words: tuple[str, ...], options: dict[str, Any], code: int, told: str
) -> None:
    """1 refused, 2 wrong usage or key, 3 no API."""
    options = {name: value.format(port=free_port()) for name, value in options.items()}
    outcome = await terminal(*words, **options)
    assert outcome.code == code
    assert told in outcome.err
    assert "Traceback" not in outcome.err
    assert outcome.out == ""


def test_without_a_key_the_remedy_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No key, and no stack of this user to take one from."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("ORDERSAGA_DATA", str(tmp_path))
    monkeypatch.delenv("ORDERSAGA_API_KEY", raising=False)
    assert exit_code(["order", "list", "--api-url", "http://127.0.0.1:1"]) == 2
    assert "--api-key" in capsys.readouterr().err
