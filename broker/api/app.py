"""A broker put together: its parts, its operations on the wire, FastAPI as the shell behind."""

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import Callable
from functools import partial

from broker.accounts import Accounts
from broker.api.application import Application
from broker.api.broker import Broker
from broker.api.forms import Forms
from broker.api.identity import own_name
from broker.api.lane import Lane
from broker.api.limits import Limits as Bounds
from broker.api.rendered import Rendered
from broker.api.routes import TABLE
from broker.api.wire import Wire
from broker.clock import Clock, now
from broker.contexts.directory import Directory
from broker.contexts.own import OwnContexts, built_in_url
from broker.disclosures import Disclosures, NoDisclosures
from broker.egress import Egress
from broker.entities.service import Entities
from broker.guard import Guard, OpenGuard
from broker.jsonld.context import Context
from broker.jsonld.core import CORE_CONTEXT
from broker.jsonld.limits import Limits
from broker.jsonld.loader import ContextLoader
from broker.metrics import Metrics
from broker.registry.service import Registrations
from broker.registry.subscriptions import RegistrationSubscriptions, told
from broker.safe import Safe
from broker.settings import Settings
from broker.store.contract import Store
from broker.subscriptions.delivery.clock import LoopTicker
from broker.subscriptions.delivery.loops import Chains
from broker.subscriptions.delivery.recipients import Recipients
from broker.subscriptions.delivery.runner import Delivery
from broker.subscriptions.delivery.senders import Senders
from broker.subscriptions.explaining import Explainer
from broker.subscriptions.fate import Fates
from broker.subscriptions.kinds import ByKind
from broker.subscriptions.live import Feed
from broker.subscriptions.live.seats import Seats
from broker.subscriptions.live.tickets import Tickets
from broker.subscriptions.matching import Matching
from broker.subscriptions.periods import Periods
from broker.subscriptions.service import Subscriptions
from broker.temporal.amendments import Amendments
from broker.temporal.follower import Follower
from broker.temporal.policy import Policy, read_policy
from broker.temporal.service import Past
from broker.validation import Fit, Models


async def start(
    settings: Settings,
    store: Store,
    *,
    guard: Guard | None = None,
    clock: Clock = now,
    token: Callable[[], str] = lambda: secrets.token_hex(16),
    models: Models | None = None,
    accounts: Accounts | None = None,
    disclosures: Disclosures | None = None,
    safe: Safe | None = None,
) -> Broker:
    """Open the store and put the parts of a broker together. `token` cannot be guessed.

    Secrets of subscriptions and registrations are sealed in `safe`; without one they are lost with
    the broker.
    """
    safe = safe or Safe()
    policy = Policy() if settings.history_policy is None else read_policy(settings.history_policy)
    await store.open()
    guard = guard or OpenGuard()
    disclosures = disclosures or NoDisclosures()
    await disclosures.begin(store)
    quiet = disclosures.quiet(guard)
    egress = Egress(local=settings.auth == "off" and settings.loopback, allow=settings.allow_egress)
    started = clock()
    models = models or Models()
    fit = None if models.validator is None else Fit(models.validator)
    entities = Entities(store, guard, clock, fit, quiet)
    own = OwnContexts(store, clock, token, models.contexts)
    contexts = ContextLoader(egress, limits=Limits(total=settings.context_timeout), hosted=own)
    subscribing = (store, guard, egress, contexts, clock, lambda: str(uuid.uuid4()), safe)
    subscriptions = Subscriptions(*subscribing)
    registrations = Registrations(store, guard, egress, clock, lambda: str(uuid.uuid4()), safe)
    matching = Matching(None if guard.transparent else quiet)
    store.outbox.match_with(ByKind(matching, registrations.audience))
    delivery = Delivery(
        store.outbox,
        Recipients(entities, contexts, partial(told, safe), safe).know,
        guard,
        Senders(egress),
        Chains(secrets.token_bytes(16)),
        clock=clock,
        disclosures=disclosures,
    )
    await registrations.start()
    fates = Fates(store.outbox, delivery, clock, delivers=settings.deliver)
    follower = Follower(store, policy.keeps)
    broker = Broker(
        settings=settings,
        table=TABLE,
        store=store,
        guard=guard,
        accounts=accounts,
        disclosures=disclosures,
        clock=clock,
        egress=egress,
        entities=entities,
        contexts=contexts,
        default_context=await _default_context(contexts, settings, models),
        subscriptions=subscriptions,
        matching=matching,
        registration_subscriptions=RegistrationSubscriptions(*subscribing),
        registrations=registrations,
        own_contexts=own,
        directory=Directory(own, contexts, started),
        periods=Periods(store, clock, LoopTicker(), guard, registrations.notice),
        delivery=delivery,
        explainer=Explainer(store, quiet, clock, matching, fates),
        feed=Feed(store, exact=guard.transparent),
        follower=follower,
        policy=policy,
        past=Past(store, guard, clock, follower.catch_up),
        amendments=Amendments(store, guard, clock, follower.catch_up),
        tickets=Tickets(time.monotonic, secrets.token_urlsafe),
        seats=Seats(settings.max_streams, settings.max_streams_each),
        rendered=Rendered(settings.render_cache, shared=bool(settings.store)),
        forms=Forms(secrets.token_bytes(32)),
        metrics=Metrics(),
        started=started,
        name=await own_name(store, clock, token),
    )
    await _begin(broker)
    _measure(broker, fit)
    return broker


async def _begin(broker: Broker) -> None:
    """Start what works beside the requests, as far as the settings want it."""
    settings = broker.settings
    broker.store.foresee(broker.rendered.hold)
    broker.store.listen(broker.rendered.forget)
    broker.store.listen(broker.delivery.chains.committed)
    if settings.deliver:
        await broker.delivery.start()
        await broker.periods.start()
    if settings.history:
        await broker.follower.start()
    await broker.disclosures.attend(broker.follower.catch_up)


def _measure(broker: Broker, fit: Fit | None) -> None:
    """Let each part show its figures in `/metrics`."""
    for figures in (
        broker.store.count,
        broker.store.outbox.figures,
        broker.rendered.figures,
        broker.feed.figures,
        broker.delivery.figures,
        broker.follower.figures,
    ):
        broker.metrics.gauge(figures)
    if fit is not None:
        broker.metrics.gauge(fit.figures)


async def _default_context(contexts: ContextLoader, settings: Settings, models: Models) -> Context:
    if not models.default:
        return CORE_CONTEXT
    address = settings.public_url.rstrip("/") or f"http://localhost:{settings.port}"
    return await contexts.resolve(built_in_url(address, models.default), used=False)


async def stop(broker: Broker) -> None:
    """End the followers and deliveries, then close what was opened."""
    broker.feed.close()
    if broker.settings.deliver:
        await broker.periods.close()
        await broker.delivery.close()
    await broker.contexts.close()
    await broker.disclosures.close()
    await broker.follower.close()
    await broker.store.close()


def wire(broker: Broker, limits: Bounds | None = None) -> Wire:
    """Return what serves a started broker's operations to HTTP connections."""
    return Wire(Lane(TABLE, broker), limits=limits)


def application(broker: Broker) -> Application:
    """Return what answers where the operations do not; its lifespan ends the broker."""
    return Application(broker, partial(stop, broker))
