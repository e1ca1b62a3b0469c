"""`python -m ordersaga.codec_server`: serve until SIGTERM or SIGINT."""

import sys
from functools import partial

import uvicorn

from ordersaga.api.http_protocol import BoundedHttp
from ordersaga.bootstrap import open_services
from ordersaga.codec_server.app import create_codec_app
from ordersaga.log_levels import set_levels
from ordersaga.settings import SettingsError, read_complete
from ordersaga.telemetry import configure_logging


def main() -> None:
    """Serve on the configured address."""
    try:
        settings = read_complete()
    except SettingsError as error:
        sys.exit(f"ordersaga codec-server: {error}")
    configure_logging(settings, "codec")
    set_levels(settings.log_levels, settings.log_levels_file)
    app = create_codec_app(partial(open_services, settings, name="ordersaga-codec"), settings.temporal_ui_url)
    uvicorn.run(
        app,
        http=BoundedHttp,
        host=settings.codec_host,
        port=settings.codec_port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
    )


if __name__ == "__main__":
    main()
