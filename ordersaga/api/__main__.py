"""`python -m ordersaga.api`: serve the HTTP API until SIGTERM or SIGINT."""

import gc
import signal
import sys
from functools import partial

import uvicorn

from ordersaga.api.app import create_app
from ordersaga.api.draining import Leaving, Server
from ordersaga.api.http_protocol import BoundedHttp
from ordersaga.api.opening import Opening
from ordersaga.bootstrap import open_services
from ordersaga.settings import Settings, SettingsError, read_complete
from ordersaga.telemetry import begin


def main() -> None:
    """Serve on the configured address; requests under way get a few seconds to end. A clean stop is exit code 0."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)  # uvicorn raises the signal again once it has shut down
    settings = _settings()
    opening = Opening(partial(open_services, settings, name="ordersaga-api"))
    app = Leaving(opening.told_once(create_app(opening.services)))
    gc.freeze()  # what the program is made of is never garbage: no collection looks through it again
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http=BoundedHttp,
        host=settings.api_host,
        port=settings.api_port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
    )
    with opening.told_at_the_end("api"):
        Server(config, app).run()


def _settings() -> Settings:
    try:
        settings = read_complete()
        begin(settings, "api")
        return settings
    except SettingsError as error:
        sys.exit(f"ordersaga api: {error}")


def _end(*_: object) -> None:
    sys.exit(0)


if __name__ == "__main__":
    main()
