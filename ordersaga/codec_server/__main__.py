"""`python -m ordersaga.codec_server`: serve until SIGTERM or SIGINT."""

from ordersaga.api.serving import serve
from ordersaga.codec_server.app import create_codec_app
from ordersaga.openings import open_codec_services


def main() -> None:
    """Serve on the configured address."""
    serve(
        "codec",
        open_codec_services,
        lambda settings, opened: create_codec_app(opened, settings.temporal_ui_url),
        lambda settings: (settings.codec_host, settings.codec_port),
    )


if __name__ == "__main__":
    main()
