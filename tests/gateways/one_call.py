"""A process that asks a TikTok shop once: `python -m tests.gateways.one_call URL DATABASE ACCESS REFRESH`."""

import asyncio
import sys
from datetime import UTC, datetime

from ordersaga.channel_ports import TokenPair
from ordersaga.gateways.tiktok_shop.channel import TikTokShop
from ordersaga.stores.account_tokens import AccountTokens
from ordersaga.stores.pools import close_pool, create_pool
from tests.gateways.support import TIMEOUT
from tests.gateways.tiktok_shop_support import SHOP, keys


async def ask(url: str, database_url: str, access: str, refresh: str) -> None:
    """Ask what changed; an error ends the process with one."""
    pool = await create_pool(database_url, max_size=2)
    vault = AccountTokens(pool, b"k" * 32).of("tiktok_acme", TokenPair(access, refresh))
    known = keys(access_token=access, refresh_token=refresh)
    gateway = TikTokShop(known, shop=SHOP, base_url=url, auth_url=url, timeout=TIMEOUT, vault=vault)
    await gateway.changed_since(datetime.now(UTC))
    await gateway.aclose()
    await close_pool(pool)


asyncio.run(ask(*sys.argv[1:5]))
