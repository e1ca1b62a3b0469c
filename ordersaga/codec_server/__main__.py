"""`python -m ordersaga.codec_server`: serve until SIGTERM or SIGINT."""

import contextlib
import sys
from functools import partial

import uvicorn

from ordersaga.api.http_protocol import BoundedHttp
from ordersaga.api.opening import Opening
from ordersaga.bootstrap import open_services
from ordersaga.codec_server.app import create_codec_app
from ordersaga.settings import SettingsError, read_complete
from ordersaga.telemetry import configure_logging


def main() -> None:
    """Serve on the configured address."""
    try:
        settings = read_complete()
    except SettingsError as error:
        sys.exit(f"ordersaga codec-server: {error}")
    configure_logging(settings, "codec")
    opening = Opening(partial(open_services, settings, name="ordersaga-codec"))
    config = uvicorn.Config(
        opening.told_once(create_codec_app(opening.services, settings.temporal_ui_url)),
        http=BoundedHttp,
        host=settings.codec_host,
        port=settings.codec_port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
    )
    with contextlib.suppress(KeyboardInterrupt), opening.told_at_the_end("codec-server"):
        uvicorn.Server(config).run()


if __name__ == "__main__":
    main()
