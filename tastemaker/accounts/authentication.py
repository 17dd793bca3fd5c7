"""Authentication of API requests: a key, and the scope that the route needs."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeVar
from uuid import NAMESPACE_URL, uuid5

from fastapi import Depends, Header, Request
from fastapi.responses import Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from tastemaker.accounts.api_keys import CLERK, Caller, NotAuthenticated, is_key, recognise
from tastemaker.accounts.clerk import clerk_of, user_of_token
from tastemaker.accounts.current_user import CurrentUser
from tastemaker.accounts.service import get_current_user
from tastemaker.db.claims import Claim, Tenant
from tastemaker.db.enums import ApiScope
from tastemaker.db.pool import Database
from tastemaker.db.transaction import Transaction, in_transaction
from tastemaker.events.context import caused_by, current_cause
from tastemaker.web.idempotency import Work, once
from tastemaker.web.services import Services, services_of

Result = TypeVar("Result")

KEY_MEANING: Final = (
    "1 to 255 plain characters: a repeated request with the same key has one effect and one answer."
)

_BEARER: Final = HTTPBearer(
    auto_error=False, description="A key of `tastemaker keys create`, or Clerk's session token."
)


@dataclass(frozen=True, slots=True)
class Access:
    """A request of a program that may make it."""

    request: Request
    services: Services
    caller: Caller

    @property
    def database(self) -> Database:
        return self.services.database

    async def user(self, tx: Transaction) -> CurrentUser:
        """Raises NotFound."""
        return await get_current_user(tx, self.caller.user_id)

    async def read(self, work: Callable[[Transaction], Awaitable[Result]]) -> Result:
        """One transaction of the caller's that changes nothing."""
        return await in_transaction(self.database, Tenant(self.caller.user_id), work)

    async def once(self, work: Work, *, claim: Claim | None = None) -> Response:
        """One transaction, at most once for the request's Idempotency-Key; the caller's without a `claim`."""
        return await once(self.request, self.database, self.caller.user_id, work, claim=claim)


def access(scope: ApiScope, *, once: bool = False) -> Any:  # noqa: ANN401 - FastAPI's marker
    """What a route that needs the scope annotates its caller with. `once`: it works by `Access.once`."""
    return Depends(_once(scope) if once else _needing(scope))


def _needing(scope: ApiScope) -> Callable[..., AsyncIterator[Access]]:
    async def dependency(
        request: Request,
        presented: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)],
    ) -> AsyncIterator[Access]:
        if presented is None:
            raise NotAuthenticated("The API key is missing or wrong.")
        services = services_of(request)
        caller = await _recognise(request, services.database, presented.credentials)
        try:
            services.rate_limit.take(caller.key_id)
        finally:
            request.state.more_headers = services.rate_limit.headers(caller.key_id)
        caller.needs(scope)
        if services.refuse_programs is not None:
            await services.refuse_programs(services.database, caller.user_id)
        cause = current_cause()
        with caused_by(
            correlation_id=cause.correlation_id,
            causation_id=cause.causation_id,
            metadata={**cause.metadata, "actor": caller.user_id, "caller": caller.prefix},
        ):
            yield Access(request, services, caller)

    return dependency


async def _recognise(request: Request, database: Database, presented: str) -> Caller:
    """By an API key, or by a session token of Clerk where it is configured.

    Raises NotAuthenticated, ClerkUnavailable.
    """
    clerk = clerk_of(request)
    if clerk is None or is_key(presented):
        return await recognise(database, presented)
    user_id = await user_of_token(database, clerk, presented)
    return Caller(
        key_id=uuid5(NAMESPACE_URL, user_id), prefix=CLERK, user_id=user_id, scopes=frozenset(ApiScope)
    )


def _once(scope: ApiScope) -> Callable[..., Access]:
    """The same, and the header is a part of the route's description; `web.idempotency` reads it."""

    def dependency(
        caller: Annotated[Access, Depends(_needing(scope))],
        idempotency_key: Annotated[str | None, Header(description=KEY_MEANING)] = None,
    ) -> Access:
        del idempotency_key
        return caller

    return dependency
