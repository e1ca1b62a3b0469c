"""Numbers on the command lines of what plays a stack: each of them refused at once when it cannot be meant."""

import argparse
import math


def above_zero(text: str) -> float:
    """A finite number above 0."""
    number = not_below_zero(text)
    if not number:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number


def not_below_zero(text: str) -> float:
    """A finite number, 0 or more."""
    number = float(text)
    if not 0 <= number < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 0 on")
    return number


def at_least_one(text: str) -> int:
    """A whole number, 1 or more."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return number
