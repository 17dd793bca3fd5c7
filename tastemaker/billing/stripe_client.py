"""Stripe: the one client of its API. Each call is one attempt to read or write, and answers a document.

Every write has an idempotency key, so that a repeated one has one effect. `stripe` is imported where it is
first used: installations without keys never load it.
"""

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, ClassVar, Final

from tastemaker.core.errors import AppError, Conflict
from tastemaker.core.ids import ExternalUserId
from tastemaker.core.logging import get_logger
from tastemaker.core.settings import Settings

if TYPE_CHECKING:
    from stripe import HTTPXClient, StripeClient

log = get_logger(__name__)

Document = Mapping[str, Any]
TRIAL_DAYS: Final = 7
MOST_SUBSCRIPTIONS: Final = 100
LONGEST_KEY: Final = 255
TIMEOUT: Final = 20.0


@dataclass(frozen=True, slots=True)
class Answered:
    """What Stripe knew `at` this second of its own clock."""

    documents: Sequence[Document]
    at: int


class PaymentsOff(AppError):
    """The installation has no keys of Stripe: nothing is sold here."""

    status: ClassVar[int] = 409


class StripeUnavailable(AppError):
    """Stripe cannot be reached or is in trouble; the same call may succeed later."""

    status: ClassVar[int] = 503


class StripeRefused(AppError):
    """Stripe refused what was asked for good."""

    status: ClassVar[int] = 502


class PaymentRefused(AppError):
    """The card was declined."""

    status: ClassVar[int] = 402


@dataclass(frozen=True, slots=True)
class Payments:
    """What a process needs to speak with Stripe. `secrets` sign its webhooks: two during a rotation."""

    key: str = field(repr=False)
    secrets: Sequence[str] = field(repr=False)
    url: str = "https://api.stripe.com"
    public_url: str | None = None
    _http: "list[HTTPXClient]" = field(default_factory=list, repr=False)
    _client: "list[StripeClient]" = field(default_factory=list, repr=False)

    @property
    def client(self) -> "StripeClient":
        if not self._client:
            from stripe import HTTPXClient, StripeClient  # noqa: PLC0415 - 30 MB that most installations do not need

            self._http.append(HTTPXClient(timeout=TIMEOUT))
            made = StripeClient(
                self.key,
                base_addresses={"api": self.url},
                max_network_retries=1,
                http_client=self._http[0],
            )
            self._client.append(made)
        return self._client[0]

    async def close(self) -> None:
        """Ends its connections."""
        if self._client:
            await self._http[0].close_async()  # type: ignore[no-untyped-call]  # of Stripe's library

    async def retrieve_subscription(self, subscription_id: str) -> Answered:
        answered = await _call(self.client.v1.subscriptions.retrieve_async(subscription_id))
        return Answered([answered.to_dict()], _at(answered))

    async def list_subscriptions(self, customer_id: str) -> Answered:
        """Those of the customer, ended ones too."""
        found = await _call(
            self.client.v1.subscriptions.list_async(
                {"customer": customer_id, "status": "all", "limit": MOST_SUBSCRIPTIONS}
            )
        )
        return Answered([dict(one) for one in found.to_dict()["data"]], _at(found))

    async def retrieve_customer(self, customer_id: str) -> Document:
        return await _answer(self.client.v1.customers.retrieve_async(customer_id))

    async def retrieve_payment_method(self, method_id: str) -> Document:
        return await _answer(self.client.v1.payment_methods.retrieve_async(method_id))

    async def ensure_customer(self, user_id: ExternalUserId, *, email: str | None, name: str | None) -> str:
        """The id of the user's customer: found by its metadata, else made, once for all who ask at once."""
        if email is not None:
            found = await _answer(
                self.client.v1.customers.list_async({"email": email, "limit": MOST_SUBSCRIPTIONS})
            )
            for one in found["data"]:
                if dict(one.get("metadata") or {}).get("user_id") == user_id:
                    return str(one["id"])
        params: dict[str, Any] = {"metadata": {"user_id": user_id}}
        params |= {key: value for key, value in (("email", email), ("name", name)) if value is not None}
        made = await _answer(
            self.client.v1.customers.create_async(params, _once(f"customer:{user_id}"))  # type: ignore[arg-type]  # Stripe's typed dictionary
        )
        return str(made["id"])

    async def create_checkout(
        self,
        user_id: ExternalUserId,
        *,
        customer_id: str,
        price_id: str,
        plan: str,
        has_trial: bool,
        return_url: str,
        key: str,
    ) -> str:
        """The URL of a page on which the user pays. A card is asked for, also for a trial."""
        about = {"user_id": user_id, "plan": plan}
        subscription: dict[str, Any] = {"metadata": about}
        if has_trial:
            subscription["trial_period_days"] = TRIAL_DAYS
        params: Any = {
            "mode": "subscription",
            "customer": customer_id,
            "client_reference_id": user_id,
            "line_items": [{"price": price_id, "quantity": 1}],
            "payment_method_collection": "always",
            "metadata": about,
            "subscription_data": subscription,
            "success_url": f"{return_url}?paid=1",
            "cancel_url": return_url,
        }
        made = await _answer(self.client.v1.checkout.sessions.create_async(params, _once(key)))
        return str(made["url"])

    async def create_portal(self, customer_id: str, *, return_url: str, key: str) -> str:
        """The URL of a page on which the user changes card and address and sees invoices."""
        made = await _answer(
            self.client.v1.billing_portal.sessions.create_async(
                {"customer": customer_id, "return_url": return_url}, _once(key)
            )
        )
        return str(made["url"])

    async def change_price(self, subscription_id: str, *, price_id: str, plan: str, key: str) -> Document:
        """Another plan from now on; the difference is on the next invoice."""
        (now,) = (await self.retrieve_subscription(subscription_id)).documents
        item = now["items"]["data"][0]["id"]
        return await self._update(
            subscription_id,
            {
                "items": [{"id": item, "price": price_id}],
                "metadata": {**dict(now.get("metadata") or {}), "plan": plan},
                "proration_behavior": "create_prorations",
            },
            key,
        )

    async def cancel_at_period_end(self, subscription_id: str, *, cancel: bool, key: str) -> Document:
        """`cancel` False takes it back."""
        return await self._update(subscription_id, {"cancel_at_period_end": cancel}, key)

    async def end_trial(self, subscription_id: str, *, key: str) -> Document:
        """The paid period begins now."""
        return await self._update(subscription_id, {"trial_end": "now"}, key)

    async def cancel_now(self, subscription_id: str, *, key: str) -> Document:
        return await _answer(self.client.v1.subscriptions.cancel_async(subscription_id, {}, _once(key)))

    async def _update(self, subscription_id: str, changes: Any, key: str) -> Document:  # noqa: ANN401 - Stripe's own
        return await _answer(self.client.v1.subscriptions.update_async(subscription_id, changes, _once(key)))


def payments_of(settings: Settings) -> Payments | None:
    """None without keys: the installation sells nothing."""
    if settings.stripe_secret_key is None or settings.stripe_webhook_secret is None:
        return None
    secrets = settings.stripe_webhook_secret.get_secret_value().split(",")
    return Payments(
        settings.stripe_secret_key.get_secret_value(),
        [secret.strip() for secret in secrets if secret.strip()],
        settings.stripe_url,
        settings.public_url,
    )


def _once(key: str) -> Any:  # noqa: ANN401 - Stripe's typed dictionary
    return {"idempotency_key": key[:LONGEST_KEY]}


def _at(answered: Any) -> int:  # noqa: ANN401 - an object of Stripe's library
    headers = answered.last_response.headers if answered.last_response else {}
    said = headers.get("date")
    return int(parsedate_to_datetime(said).timestamp()) if said else 0


async def _answer(call: Awaitable[Any]) -> Document:
    document: Document = (await _call(call)).to_dict()
    return document


async def _call(call: Awaitable[Any]) -> Any:  # noqa: ANN401 - an object of Stripe's library
    """What the library raises becomes one of the errors above."""
    import stripe  # noqa: PLC0415 - as above

    try:
        return await call
    except stripe.CardError as error:
        raise PaymentRefused(error.user_message or "The card was declined.") from None
    except (stripe.APIConnectionError, stripe.RateLimitError):
        raise StripeUnavailable("Stripe cannot be reached now. Try again later.") from None
    except stripe.InvalidRequestError as error:
        log.warning("Stripe refused a request: %s", error.code)
        if error.http_status == 404:  # noqa: PLR2004 - not found
            raise Conflict("Stripe does not know it any more.") from None
        raise StripeRefused("Stripe refused this. Ask the administrator to look at the log.") from None
    except stripe.AuthenticationError:
        raise StripeRefused("Stripe does not accept the key of this installation.") from None
    except stripe.StripeError as error:
        status = error.http_status or 500
        raise StripeUnavailable(f"Stripe is in trouble ({status}). Try again later.") from None
