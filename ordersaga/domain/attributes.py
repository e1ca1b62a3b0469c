"""The search attributes by which people and programs find orders in Temporal: name to Temporal's type name.

Search attributes are stored in the clear: none of them may say who a shopper is.
"""

from typing import Final

SEARCH_ATTRIBUTES: Final[dict[str, str]] = {
    "OrderStatus": "Keyword",
    "Seller": "Keyword",
    "Channel": "Keyword",
    "Provider": "KeywordList",
    "Carrier": "KeywordList",
    "Region": "Keyword",
    "ShipBy": "Datetime",
    "Attention": "KeywordList",
    "AttentionSince": "Datetime",
}
