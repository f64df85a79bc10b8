"""What the handlers work with: the parts of one running broker."""

from __future__ import annotations

from dataclasses import dataclass

from broker.accounts import Accounts
from broker.api.forms import Forms
from broker.api.rendered import Rendered
from broker.api.table import Table
from broker.clock import Clock
from broker.contexts.directory import Directory
from broker.contexts.own import OwnContexts
from broker.disclosures import Disclosures
from broker.egress import Egress
from broker.entities.service import Entities
from broker.guard import Guard
from broker.jsonld.context import Context
from broker.jsonld.loader import ContextLoader
from broker.metrics import Metrics
from broker.registry.service import Registrations
from broker.registry.subscriptions import RegistrationSubscriptions
from broker.settings import Settings
from broker.store.contract import Store
from broker.subscriptions.delivery.runner import Delivery
from broker.subscriptions.explaining import Explainer
from broker.subscriptions.live import Feed
from broker.subscriptions.live.seats import Seats
from broker.subscriptions.live.tickets import Tickets
from broker.subscriptions.matching import Matching
from broker.subscriptions.periods import Periods
from broker.subscriptions.service import Subscriptions
from broker.temporal.amendments import Amendments
from broker.temporal.follower import Follower
from broker.temporal.policy import Policy
from broker.temporal.service import Past


@dataclass(frozen=True, slots=True)
class Broker:
    """The parts of one running broker, made once at start."""

    settings: Settings
    table: Table
    store: Store
    guard: Guard
    accounts: Accounts | None
    disclosures: Disclosures
    clock: Clock
    egress: Egress
    entities: Entities
    contexts: ContextLoader
    default_context: Context
    subscriptions: Subscriptions
    matching: Matching
    registration_subscriptions: RegistrationSubscriptions
    periods: Periods
    registrations: Registrations
    own_contexts: OwnContexts
    directory: Directory
    delivery: Delivery
    explainer: Explainer
    feed: Feed
    follower: Follower
    policy: Policy
    past: Past
    amendments: Amendments
    tickets: Tickets
    seats: Seats
    rendered: Rendered
    forms: Forms
    metrics: Metrics
    started: str
    name: str
