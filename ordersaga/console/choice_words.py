"""What a choice does, in words, for whoever is asked. Questions that mean it differently have words of their own."""

from collections.abc import Mapping
from typing import Final

_WORDS: Final[Mapping[str, str]] = {
    "retry": "try again; safe to repeat",
    "cancel": "give the parcel up and undo it",
    "settled_by_hand": "you gave the money back at the payment company; our books enter it",
    "it_is_stopped": "you made sure that it is stopped; stock and money are undone",
    "it_ships": "it cannot be stopped; it goes on and is paid for",
    "it_has_not": "the carrier has not got it: undo goes on, the label's cost stays",
    "wait": "leave it to the capture",
    "charge": "take the money",
    "write_off": "accept the loss; the shopper pays nothing for it, and the books say so",
    "refund": "give their share back",
    "keep": "the shopper got them; nothing is given back",
    "keep_waiting": "wait longer; then it is asked again",
    "treat_as_lost": "nothing is captured; sale and reservation are undone",
    "noted": "you stopped the second one, or corrected the stock by a receipt",
    "ship_to_former": "ship to the address before that",
    "approve": "give the money back; another person than the one who asked must say so",
    "decline": "give nothing back",
    "refund_as_lost": "reverse the sale and give the money back",
    "reship": "send the same goods once more, free of charge",
    "recheck": "you repaired it; look again",
    "acknowledge": "you took note, and did what was to be done; nothing else happens",
}
_OF_KIND: Final[Mapping[tuple[str, str], str]] = {
    ("label_not_voided", "it_ships"): "the carrier has it: the parcel goes on",
    ("capture_refused", "retry"): "authorize new funds off session and capture them; after no answer, the same again",
    ("shipped_after_cancel", "charge"): "authorize new funds off session and capture them",
    ("partly_canceled", "charge"): "charge in full",
    ("address_kept", "noted"): "the shopper knows, or its provider was told; nothing else happens",
    ("not_stopped", "retry"): "ask the provider again",
}


def choice_words(choice: str, kind: str) -> str:
    """What it does; the choice itself where nobody wrote that down."""
    return _OF_KIND.get((kind, choice)) or _WORDS.get(choice) or choice.replace("_", " ")
