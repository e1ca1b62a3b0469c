"""Whatever people do in the console is foretold there, and can be done on the command line, too."""

from collections.abc import Iterator
from typing import Final

import pytest
from starlette.routing import Route
from typer.testing import CliRunner

from ordersaga.commands import build
from ordersaga.console import signing_in
from ordersaga.console.app import PAGES
from ordersaga.console.pages.network import DEEDS
from ordersaga.console.pages.order_actions import ACTIONS, RELEASE

COMMANDS: Final[dict[str, tuple[str, ...]]] = {
    "/orders/{order_id}/answer": ("attention resolve",),
    "/orders/{order_id}/cancel": ("order cancel",),
    "/orders/{order_id}/hold": ("order hold",),
    "/orders/{order_id}/address": ("order address",),
    "/orders/{order_id}/refund": ("order refund",),
    "/orders/{order_id}/release": ("order release",),
    "/attention/answer": ("attention resolve", "attention resolve-many"),
    "/network/{lane}/pause": ("lanes pause",),
    "/network/{lane}/resume": ("lanes resume",),
    "/network/{lane}/breaker": ("lanes open", "lanes close", "lanes auto"),
    "/stops/plan": ("stop create",),
    "/stops/{stop_id}/apply": ("stop create",),
    "/stops/{stop_id}/{how}": ("stop pause", "stop resume", "stop undo"),
    "/reconciliation/repair": ("reconcile repair",),
    "/reconciliation/runs": ("reconcile",),
    "/sellers/apply": ("seller apply",),
    "/sellers/{seller}/catalog": ("seller catalog",),
}
ONLY_HERE: Final = {
    "/sign-in/demo": "a session is a browser's; the command line has keys",
    "/sign-out": "a session is a browser's; the command line has keys",
    "/sessions/{session_id}/end": "sessions are those of the console; scripts send DELETE /v1/sessions/{id}",
    "/attention/plan": "a dry run: resolve-many without --apply",
    "/reconciliation/plan": "a dry run: repair without --apply",
}
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
OF_THE_BROWSER: Final = {"/sign-in/demo", "/sign-out"}
"""A person's own session, which touches nothing else."""
ORDERS, LANES = "/orders/{order_id}/{action}", "/network/{lane}/{deed:str}"
HELP: Final = {command for commands in COMMANDS.values() for command in commands}


def deeds() -> Iterator[str]:
    """The path of everything that does something, an action of an order or a lane by its name."""
    routes = [*signing_in.routes, *(route for page in PAGES for route in page.routes)]
    for route in routes:
        if not isinstance(route, Route) or "POST" not in (route.methods or ()) or route.path.endswith("/preview"):
            continue
        if route.path == ORDERS:
            yield from (ORDERS.replace("{action}", action.name) for action in (*ACTIONS, RELEASE))
        elif route.path == LANES:
            yield from (LANES.replace("{deed:str}", deed) for deed in DEEDS)
        else:
            yield route.path


def test_everything_done_in_the_console_has_a_command() -> None:
    """Each deed is done by commands, or stands by name among those that are the console's alone."""
    assert {*COMMANDS, *ONLY_HERE} == set(deeds())
    assert not COMMANDS.keys() & ONLY_HERE.keys()


def test_everything_done_in_the_console_is_foretold() -> None:
    """Each deed has a route that shows its effect before it is done; a new one without one fails here."""
    assert set(FORETOLD) == set(deeds()) - FORETELLING - OF_THE_BROWSER
    posts = {route.path for page in PAGES for route in page.routes if "POST" in (route.methods or ())}
    assert set(FORETOLD.values()) - {ITSELF} <= posts


@pytest.mark.parametrize("command", sorted(HELP))
def test_the_commands_are_there(command: str) -> None:
    """The command line knows each of them."""
    told = CliRunner().invoke(build(command.split()), [*command.split(), "--help"])
    assert told.exit_code == 0, told.output
