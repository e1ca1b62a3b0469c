"""How values look: money by its currency, times in UTC with their exact moment, states as words."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from markupsafe import Markup

from ordersaga.domain.amounts import minor_digits
from ordersaga.domain.finding_words import repair_in_words


def money(minor: int, currency: str) -> str:
    """Minor units as people write them, and as the API's own words do: `123450, "USD"` is `USD 1,234.50`."""
    digits = minor_digits(currency)
    whole, part = divmod(abs(minor), 10**digits)
    text = f"{whole:,}" + (f".{part:0{digits}d}" if digits else "")
    return f"{currency} {'-' if minor < 0 else ''}{text}"


def minor_units(text: str, currency: str) -> int | None:
    """Minor units of what people write, `12.34, "USD"` is 1234; None for what is no amount of the currency."""
    digits = minor_digits(currency)
    found = re.fullmatch(r"([0-9]{1,12})(?:\.([0-9]+))?", text.strip(), re.ASCII)
    if found is None or len(found[2] or "") > digits:
        return None
    return int(found[1] + (found[2] or "").ljust(digits, "0"))


def when(moment: str | datetime | None) -> Markup:
    """A moment as `<time>` in UTC, to the second; nothing for None."""
    if moment is None:
        return Markup("")
    exact = (datetime.fromisoformat(moment) if isinstance(moment, str) else moment).astimezone(UTC)
    told = Markup('<time datetime="{}">{} <span class="zone">UTC</span></time>')
    return told.format(exact.isoformat(timespec="seconds"), exact.strftime("%Y-%m-%d %H:%M:%S"))


def span(seconds: float | timedelta | None) -> str:
    """A length of time by its two largest units: `1 d 4 h`, `3 min 20 s`."""
    if seconds is None:
        return ""
    left = round(seconds.total_seconds() if isinstance(seconds, timedelta) else seconds)
    sign, left = ("-" if left < 0 else ""), abs(left)
    parts: list[str] = []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count or parts:
            parts.append(f"{count} {unit}" if count else "")
    return sign + (" ".join(part for part in parts[:2] if part) or "0 s")


def words(code: str | None) -> str:
    """A code as words: `needs_attention` is `needs attention`."""
    return (code or "").replace("_", " ")


def deed(kind: str) -> str:
    """What somebody did, in words: `stop_stop` is `stop`."""
    return words("stop" if kind == "stop_stop" else kind)


def sentence(text: str) -> str:
    """Words with a capital letter before them; the rest stays as it is: `USD 1.00` does."""
    return text[:1].upper() + text[1:]


FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "money": money,
    "when": when,
    "span": span,
    "words": words,
    "sentence": sentence,
    "deed": deed,
    "repair": repair_in_words,
}
