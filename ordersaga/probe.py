"""`python -m ordersaga.probe [PATH or URL]`: does the process beside us answer well? Exit code 0: yes; 1: no.

For health checks of containers. Asks a worker where `ORDERSAGA_HEALTH_ADDRESS` says, the API otherwise, for `/readyz`
when no path is given. Reads no settings but addresses: it runs every few seconds.
"""

import os
import sys
import urllib.error
import urllib.request
from typing import Final

PATIENCE: Final = 4.0
_EVERYWHERE: Final = ("0.0.0.0", "")  # noqa: S104 - where others listen, not we


def address() -> str:
    """host:port of the process that shares our environment."""
    port = os.environ.get("ORDERSAGA_API_PORT", "8080")
    named = os.environ.get("ORDERSAGA_HEALTH_ADDRESS") or f"{os.environ.get('ORDERSAGA_API_HOST', '127.0.0.1')}:{port}"
    host, _, port = named.rpartition(":")
    return f"127.0.0.1:{port}" if host in _EVERYWHERE else named


def answers_well(url: str) -> bool:
    """Whether a GET is answered with 200."""
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:  # noqa: S310 - ours
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def main() -> int:
    """Ask."""
    wanted = sys.argv[1] if len(sys.argv) > 1 else "/readyz"
    url = f"http://{address()}{wanted}" if wanted.startswith("/") else wanted
    return 0 if answers_well(url) else 1


if __name__ == "__main__":
    sys.exit(main())
