"""`python -m ordersaga.codec_server`: serve until SIGTERM or SIGINT."""

from ordersaga.api.serving import serve
from ordersaga.bootstrap import open_services
from ordersaga.codec_server.app import create_codec_app


def main() -> None:
    """Serve on the configured address."""
    serve(
        "codec",
        lambda settings: open_services(settings, name="ordersaga-codec", looks_only=True),
        lambda settings, opened: create_codec_app(opened, settings.temporal_ui_url),
        lambda settings: (settings.codec_host, settings.codec_port),
    )


if __name__ == "__main__":
    main()
