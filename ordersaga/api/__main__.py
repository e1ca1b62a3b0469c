"""`python -m ordersaga.api`: serve the HTTP API until SIGTERM or SIGINT."""

from ordersaga.api.app import create_app
from ordersaga.api.serving import serve
from ordersaga.bootstrap import open_services
from ordersaga.leaving import own_exit_code
from ordersaga.settings import NEEDS


def main() -> None:
    """Serve on the configured address; requests under way get a few seconds to end."""
    serve(
        "api",
        lambda settings: open_services(settings, name="ordersaga-api", needs=NEEDS["api"]),
        lambda _, opened: create_app(opened),
        lambda settings: (settings.api_host, settings.api_port),
    )


if __name__ == "__main__":
    with own_exit_code():
        main()
