"""When the demo is good, and what its last lines say."""

from dataclasses import replace

from ordersaga.demo.audit import Difference
from ordersaga.demo.result import End, Result

END = End("o1", "plain", "shipped", "completed", "completed")
GOOD = Result((END, replace(END, order_id="o2", expected="canceled", actual="canceled")), (), 12.34)


def test_a_good_demo_says_so_in_its_last_lines() -> None:
    """Orders by outcome, the books, the ends, the time."""
    assert GOOD.good
    assert GOOD.summary() == [
        "orders by outcome: 1 completed, 1 canceled (2 in all)",
        "outcomes: all as expected",
        "books: 0 differences",
        "every order final",
        "time taken: 12.3 s",
    ]


def test_one_difference_spoils_it() -> None:
    """Books that differ from the facts are never good, however the orders ended."""
    spoiled = replace(GOOD, differences=(Difference("o1", "I1", "cash", 1, 2),))
    assert not spoiled.good
    assert "books: 1 differences" in spoiled.summary()


def test_an_order_without_an_end_spoils_it() -> None:
    """A status that is not final is not an end, even if the file expects it."""
    spoiled = replace(GOOD, ends=(replace(END, expected="shipped", actual="shipped"),))
    assert not spoiled.good
    assert spoiled.summary()[3] == "1 orders not final: o1"


def test_an_unexpected_end_reason_or_answer_spoils_it() -> None:
    """Each is told with its order and scenario."""
    other = replace(END, actual="canceled", reason="declined")
    reason = replace(END, expected_reason="a", reason="b")
    surprised = replace(END, surprises=("the checkout's answer is declined, not confirmed",))
    assert [end.complaints() for end in (other, reason, surprised)] == [
        ["o1 (plain): ended canceled because declined, not completed"],
        ["o1 (plain): ended completed because b, not a"],
        ["o1 (plain): the checkout's answer is declined, not confirmed"],
    ]
    assert not any(replace(GOOD, ends=(end,)).good for end in (other, reason, surprised))


def test_a_strike_that_failed_spoils_it() -> None:
    """A part that was to be killed and was not proves nothing."""
    assert not replace(GOOD, failures=("a strike did not go as planned",)).good


def test_disturbed_demo_is_judged_by_its_books_and_its_ends() -> None:
    """Parts were killed: a scenario that met a time limit is told; an open order or a failed strike still fails."""
    surprised = End("live_1", "cancel_on_hold", "canceled", expected="canceled", actual="rejected")
    unfinished = End("live_2", "ship", "shipped", expected="completed", actual="shipped")
    told = Result([surprised], [], 1.0, disturbed=True)
    assert (told.good, told.summary()[1]) == (True, "outcomes: 1 unexpected")
    assert not Result([surprised], [], 1.0).good
    assert not Result([unfinished], [], 1.0, disturbed=True).good
    assert not Result([surprised], [], 1.0, ["no part was killed"], disturbed=True).good
