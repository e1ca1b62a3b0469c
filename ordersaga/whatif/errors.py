"""How a play fails: the saga's code is wrong, or it asks for what this world does not know."""


class PlayFailedError(Exception):
    """Base of all; the text says what is to be mended."""


class SagaFailedError(PlayFailedError):
    """The workflow code failed where it never may; the text names the order and the failure."""


class UnknownActivityError(PlayFailedError):
    """The saga asks for a step that nobody answers."""

    def __init__(self, activity: str) -> None:
        super().__init__(f"nobody answers the activity {activity!r}: add it to ordersaga/whatif/world.py")


class UnknownLaneError(PlayFailedError):
    """The saga asks for a call on a lane that nobody serves."""

    def __init__(self, queue: str, activity: str) -> None:
        super().__init__(
            f"nobody serves the lane {queue!r}, asked for {activity!r}: add it to ordersaga/whatif/runner.py"
        )


class StuckError(PlayFailedError):
    """Nothing is left to happen, or nothing but reminders, and some orders have not ended."""

    def __init__(self, open_orders: list[str]) -> None:
        some = ", ".join(sorted(open_orders)[:5])
        super().__init__(f"{len(open_orders)} orders never ended, such as {some}: what do they wait for?")
