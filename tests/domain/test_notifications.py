"""Notifications: when they are tried again, and where they may go."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordersaga.domain.errors import CustomerError
from ordersaga.domain.notification_targets import kind_of
from ordersaga.domain.notifications import EVENTS, GIVE_UP_AFTER, JITTER, RETRY_DELAYS, next_attempt

QUEUED = datetime(2026, 3, 1, tzinfo=UTC)


def test_the_schedule_is_the_documented_one() -> None:
    """5 s, 5 min, 30 min, 2 h, 5 h, 10 h, then every 10 h, and nothing later than three days after it was queued."""
    now, waits, failures = QUEUED, [], 1
    while (moment := next_attempt(failures, QUEUED, now, luck=0.0)) is not None:
        waits.append((moment - now).total_seconds() / 60)
        now, failures = moment, failures + 1
    assert waits[:6] == [5 / 60, 5, 30, 120, 300, 600]
    assert set(waits[6:]) == {600}
    assert now <= QUEUED + timedelta(days=3) < now + timedelta(hours=10)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("return_requested", "return.requested"),
        ("return_reminder", "return.reminder"),
        ("return_cancel_requested", "return.cancel_requested"),
        ("return_lost", "return.lost"),
        ("return_restocked", "return.restocked"),
        ("return_written_off", "return.written_off"),
        ("goodwill_requested", "return.goodwill_requested"),
        ("goodwill_given", "return.goodwill_given"),
    ],
)
def test_what_becomes_of_a_return_is_public(kind: str, name: str) -> None:
    """Without the journal's words, which may name a person."""
    assert (EVENTS[kind].name, EVENTS[kind].detailed) == (name, False)


@given(st.integers(1, 50), st.floats(0, 1), st.timedeltas(timedelta(0), timedelta(days=4)))
def test_jitter_only_lengthens_a_wait(failures: int, luck: float, age: timedelta) -> None:
    """By at most its part, and never beyond the end."""
    now = QUEUED + age
    moment = next_attempt(failures, QUEUED, now, luck)
    delay = RETRY_DELAYS[min(failures, len(RETRY_DELAYS)) - 1]
    if moment is None:
        assert now + delay * (1 + JITTER) > QUEUED + GIVE_UP_AFTER
    else:
        assert delay <= moment - now <= delay * (1 + JITTER) + timedelta(microseconds=1)
        assert moment <= QUEUED + GIVE_UP_AFTER


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("https://hooks.acme.example/orders?key=1", "http"),
        ("https://hooks.acme.example:8443", "http"),
        ("https://8.8.8.8/", "http"),
        ("http://127.0.0.1:9000/hooks", "http"),
        ("http://localhost:9000/", "http"),
        ("http://[::1]:9000/", "http"),
        ("mailto:ops+orders@acme.example", "email"),
    ],
)
def test_urls_that_are_taken(url: str, kind: str) -> None:
    """Public hosts, loopback where it is allowed, addresses where e-mail can be sent."""
    assert kind_of(url, allow_loopback=True, allow_email=True) == kind


@pytest.mark.parametrize(
    ("url", "remedy"),
    [
        ("http://hooks.acme.example/", "use https"),
        ("ftp://hooks.acme.example/", "use https://host/path"),
        ("hooks.acme.example", "use https://host/path"),
        ("https:///path", "use https://host/path"),
        ("https://[1", "no valid URL"),
        ("https://host:99999/", "no valid URL"),
        ("https://me:secret@hooks.acme.example/", "remove user, password"),
        ("https://hooks.acme.example/#part", "remove user, password and fragment"),
        ("https://10.0.0.1/", "private and local addresses"),
        ("https://[fd00::1]/", "private and local addresses"),
        ("https://169.254.169.254/latest/", "private and local addresses"),
        ("https://127.0.0.1/", "this machine's own"),
        ("http://localhost/", "this machine's own"),
        ("https://127.0.0.2/", "private and local addresses"),
        ("https://hooks.acme.example/a b", "printable ASCII"),
        ("https://hooks.acme.example/\r\nX: y", "printable ASCII"),
        ("https://hooks.äcme.example/", "printable ASCII"),
        ("https://hooks.acme.example/" + "x" * 2000, "at most 2000"),
        ("mailto:", "one plain address"),
        ("mailto:ops@acme.example,all@acme.example", "one plain address"),
        ("mailto:ops@acme.example?bcc=all@acme.example", "one plain address"),
        ("mailto:ops", "one plain address"),
        ("mailto://ops@acme.example", "one plain address"),
    ],
)
def test_urls_that_are_refused(url: str, remedy: str) -> None:
    """With what to do, and without repeating what may be secret."""
    with pytest.raises(CustomerError, match="url_refused") as refused:
        kind_of(url, allow_loopback=False, allow_email=True)
    assert remedy in refused.value.message
    assert "secret" not in refused.value.message


def test_email_takes_a_server() -> None:
    """The refusal says what to set."""
    with pytest.raises(CustomerError, match="ORDERSAGA_SMTP_HOST"):
        kind_of("mailto:ops@acme.example", allow_loopback=False, allow_email=False)
