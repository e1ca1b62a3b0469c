"""The command `ordersaga`.

Exit codes: 0 done; 1 the request failed; 2 wrong usage; 3 a part of the stack failed or could not be started;
130 interrupted. Errors are one line on stderr and name the remedy.

Each command lives in a module of `ordersaga.commands` and is imported only when it is used or listed, so that
`ordersaga order ...` does not pay for the supervisor, nor `ordersaga up` for the client.
"""

from ordersaga.commands import run
from ordersaga.leaving import own_exit_code


def main() -> None:
    """Entry point of the console script."""
    with own_exit_code():
        run()
