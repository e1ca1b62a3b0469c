"""The person at the browser."""

import hashlib
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request

from ordersaga.bootstrap import Services
from ordersaga.domain.people import PersonSession

COOKIE: Final = "ordersaga_session"


@dataclass(frozen=True)
class Person:
    """Who is signed in, and by which token. `seller`: sees this seller's only; None sees all."""

    token: str
    session: PersonSession

    @property
    def name(self) -> str:
        """As stories and proposals name them."""
        return self.session.name

    @property
    def role(self) -> str:
        """viewer, support, operator or admin."""
        return self.session.role

    @property
    def seller(self) -> str | None:
        """The one seller they see."""
        return self.session.seller

    @property
    def csrf(self) -> str:
        """What every POST of this session must carry: nobody knows it who cannot read our pages."""
        return hashlib.sha256(f"csrf {self.token}".encode()).hexdigest()


def services_of(request: Request) -> Services:
    """The services of the API that the console is mounted in."""
    services: Services = request.app.state.api.state.services
    return services


def person_of(request: Request) -> Person:
    """Who is signed in; on pages that need nobody, ask `request.state`."""
    person: Person = request.state.person
    return person
