"""Whether a server offers the private delivery API as it is published: named checks over HTTP, from outside.

`private-delivery.yaml` is the API. Nothing here knows the rest of the program.
"""

from ordersaga.courier_check.report import Outcome, Report, Result
from ordersaga.courier_check.runner import CourierUnreachableError, Target, check_courier, names

__all__ = ["CourierUnreachableError", "Outcome", "Report", "Result", "Target", "check_courier", "names"]
