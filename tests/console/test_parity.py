"""Whatever people do or look at in the console is foretold there, and can be had on the command line, too."""

import re
from collections.abc import Iterator
from typing import Final

import pytest
from starlette.routing import Route
from typer.testing import CliRunner

from ordersaga.commands import build
from ordersaga.console import signing_in
from ordersaga.console.app import PAGES
from ordersaga.console.pages.network import DEEDS
from ordersaga.console.pages.order_forms import ACTIONS, RELEASE
from tests.docs.pages import ROOT

DONE: Final[dict[str, tuple[str, ...]]] = {
    "/orders/{order_id}/answer": ("attention resolve",),
    "/orders/{order_id}/cancel": ("order cancel",),
    "/orders/{order_id}/hold": ("order hold",),
    "/orders/{order_id}/address": ("order address",),
    "/orders/{order_id}/delay": ("order delay",),
    "/orders/{order_id}/expedite": ("order expedite",),
    "/orders/{order_id}/move": ("order move",),
    "/orders/{order_id}/carrier": ("order carrier",),
    "/orders/{order_id}/split": ("order split",),
    "/orders/{order_id}/arrival": ("order arrived",),
    "/orders/{order_id}/refund": ("order refund",),
    "/orders/{order_id}/payment": ("order payment",),
    "/orders/{order_id}/return": ("return request",),
    "/orders/{order_id}/receive": ("return receive",),
    "/orders/{order_id}/keep": ("return cancel",),
    "/orders/{order_id}/erase": ("erase",),
    "/orders/{order_id}/release": ("order release",),
    "/attention/plan": ("attention resolve-many",),
    "/attention/answer": ("attention resolve", "attention resolve-many"),
    "/network/{lane}/pause": ("lanes pause",),
    "/network/{lane}/resume": ("lanes resume",),
    "/network/{lane}/breaker": ("lanes open", "lanes close", "lanes auto"),
    "/stops/plan": ("stop create",),
    "/stops/{stop_id}/apply": ("stop create",),
    "/stops/{stop_id}/{how}": ("stop pause", "stop resume", "stop undo"),
    "/reconciliation/plan": ("reconcile repair",),
    "/reconciliation/repair": ("reconcile repair",),
    "/reconciliation/runs": ("reconcile",),
    "/sellers/apply": ("seller apply",),
    "/sellers/{seller}/catalog": ("seller catalog",),
    "/sessions/{session_id}/end": ("sessions end",),
}
SHOWN: Final[dict[str, tuple[str, ...]]] = {
    "/": ("find", "order list"),
    "/find/rows": ("find", "order list"),
    "/orders/{order_id}": ("order show", "order links", "attention list"),
    "/orders/{order_id}/actions": ("return list", "return show", "stock list"),
    "/orders/{order_id}/now": ("order show", "order explain", "return explain"),
    "/orders/{order_id}/story": ("order timeline", "order books"),
    "/attention": ("attention groups",),
    "/attention/{kind}": ("attention list",),
    "/surge": ("surge",),
    "/surge/events": ("surge",),
    "/network": ("lanes",),
    "/network/{lane}": ("lanes", "lanes history"),
    "/stops": ("stop list",),
    "/stops/new": ("stop create",),
    "/stops/{stop_id}": ("stop show",),
    "/stops/{stop_id}/orders": ("stop show",),
    "/reconciliation": ("reconcile findings", "reconcile runs"),
    "/reconciliation/findings/{kind}": ("reconcile findings",),
    "/reconciliation/repairs": ("reconcile repairs",),
    "/reconciliation/runs/{run_id}": ("reconcile show",),
    "/audit": ("audit deeds",),
    "/audit/sign-ins": ("audit sign-ins",),
    "/audit/verify": ("audit check",),
    "/sellers": ("seller list",),
    "/sellers/{seller}": ("seller show",),
    "/sessions": ("sessions list",),
}
ONLY_HERE: Final = {"/sign-in", "/sign-in/demo", "/sign-in/start", "/sign-in/back", "/sign-out"}
"""A session is a browser's; the command line has keys."""
ITSELF: Final = "sent without `confirmed`, or what was shown, it only shows what it would do"
FORETOLD: Final[dict[str, str]] = {
    **{f"/orders/{{order_id}}/{action.name}": "/orders/{order_id}/{action}/preview" for action in (*ACTIONS, RELEASE)},
    "/orders/{order_id}/answer": "/orders/{order_id}/answer/preview",
    "/attention/answer": "/attention/plan",
    **{f"/network/{{lane}}/{deed}": ITSELF for deed in DEEDS},
    "/stops/{stop_id}/apply": "/stops/plan",
    "/stops/{stop_id}/{how}": ITSELF,
    "/reconciliation/repair": "/reconciliation/plan",
    "/reconciliation/runs": ITSELF,
    "/sellers/apply": ITSELF,
    "/sellers/{seller}/catalog": ITSELF,
    "/sessions/{session_id}/end": ITSELF,
}
"""By deed, the route that shows its effect before; each is shown to do nothing by the test of its page."""
FORETELLING: Final = {"/stops/plan", "/attention/plan", "/reconciliation/plan"}
ORDERS, LANES = "/orders/{order_id}/{action}", "/network/{lane}/{deed:str}"
ELSEWHERE: Final = {"order place", "order history"}
"""Orders come from checkouts and marketplaces; histories are read in Temporal's UI, to which an order's page leads."""
COMMANDS: Final = {command for commands in (*DONE.values(), *SHOWN.values()) for command in commands}


def routes(method: str) -> list[Route]:
    """All of the console that take this method."""
    found = [*signing_in.routes, *(route for page in PAGES for route in page.routes)]
    return [route for route in found if isinstance(route, Route) and method in (route.methods or ())]


def deeds() -> Iterator[str]:
    """The path of everything that does something, an action of an order or a lane by its name."""
    for route in routes("POST"):
        if route.path == ORDERS:
            yield from (ORDERS.replace("{action}", action.name) for action in (*ACTIONS, RELEASE))
        elif route.path == LANES:
            yield from (LANES.replace("{deed:str}", deed) for deed in DEEDS)
        elif not route.path.endswith("/preview"):
            yield route.path


def test_everything_done_in_the_console_has_a_command() -> None:
    """Each deed is done by commands, but to sign in and out."""
    assert set(deeds()) - ONLY_HERE == set(DONE)


def test_everything_shown_in_the_console_has_a_command() -> None:
    """Each page, and what pages ask for by themselves."""
    assert {route.path for route in routes("GET")} - ONLY_HERE == set(SHOWN)


def test_everything_done_in_the_console_is_foretold() -> None:
    """Each deed has a route that shows its effect before it is done; a new one without one fails here."""
    assert set(FORETOLD) == set(deeds()) - FORETELLING - ONLY_HERE
    assert set(FORETOLD.values()) - {ITSELF} <= {route.path for route in routes("POST")}


def test_every_command_of_orders_and_returns_has_its_place_in_the_console() -> None:
    """An agent needs no command line: whatever it does to an order or a return, the order's page does."""
    groups = ("order", "return")
    known = {f"{group} {name}" for group in groups for name in _commands_of(group)}
    assert known
    assert known - ELSEWHERE <= COMMANDS


def _commands_of(group: str) -> set[str]:
    told = CliRunner().invoke(build([group]), [group, "--help"], env={"COLUMNS": "200"})
    return set(re.findall(r"^[│ ]+([a-z]+) {2,}\S", told.output, re.M))


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_the_commands_are_there(command: str) -> None:
    """The command line knows each of them."""
    told = CliRunner().invoke(build(command.split()), [*command.split(), "--help"])
    assert told.exit_code == 0, told.output


def test_the_page_of_the_command_line_names_them_beside_the_consoles_pages() -> None:
    """Every one of them, and no other."""
    section = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8").partition("## Beside the console")[2]
    named = re.findall(r"`ordersaga ([a-z\- ]+?)(?: [A-Z\-][^`]*| --[^`]*)?`", section.partition("\n## ")[0])
    assert set(named) == COMMANDS
