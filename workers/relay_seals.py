"""Seals of the audit trail: the ends of all chains that grew since the last one, hashed together."""

from typing import Final

import structlog

from ordersaga.bootstrap import Services

HEADS_PER_SEAL: Final = 2000

log = structlog.get_logger(__name__)


class Sealer:
    """Writes a seal each round; of several relays one at a time."""

    def __init__(self, services: Services, limit: int = HEADS_PER_SEAL) -> None:
        self._services = services
        self._limit = limit

    async def step(self) -> bool:
        """Seal what grew. True: there may be more."""
        seal = await self._services.audit_trail.write_seal(limit=self._limit)
        if seal is None:
            return False
        log.info("audit_sealed", seal_no=seal.seal_no, orders=seal.orders, hash=seal.hash.hex())
        return seal.orders == self._limit
