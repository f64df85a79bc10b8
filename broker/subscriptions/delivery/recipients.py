"""From a stored subscription to a recipient: what is parsed and compiled once, not at each try."""

from __future__ import annotations

from collections.abc import Hashable
from weakref import WeakValueDictionary

from broker.errors import MachiError
from broker.jsonld.context import Context
from broker.jsonld.loader import ContextLoader
from broker.store.outbox import Outbox, StoredSubscription
from broker.subscriptions.conditions import Conditions
from broker.subscriptions.delivery.mqtt import quality_of
from broker.subscriptions.delivery.recipient import Known, Recipient, Unready
from broker.subscriptions.delivery.render import View
from broker.subscriptions.delivery.shape import Shape
from broker.subscriptions.endpoint import NotAnEndpoint, parse_endpoint
from broker.subscriptions.model import Subscription, Trigger
from broker.subscriptions.stored import load

_TELL_DELETIONS = frozenset((Trigger.ATTRIBUTE_DELETED, Trigger.ENTITY_UPDATED))


class Recipients:
    """Makes recipients. Those that want the same rendering share one view."""

    def __init__(self, outbox: Outbox, contexts: ContextLoader) -> None:
        self._outbox = outbox
        self._contexts = contexts
        self._views: WeakValueDictionary[Hashable, View] = WeakValueDictionary()

    async def know(self, sid: int) -> Known | None:
        """Return the recipient of a subscription; None where it is gone."""
        stored = self._outbox.find(sid)
        if stored is None:
            return None
        subscription = load(stored.document)
        try:
            context = await self._contexts.resolve(subscription.context, tenant=stored.tenant)
        except MachiError as error:
            return Unready(error.detail)
        try:
            return self._recipient(stored, subscription, context)
        except NotAnEndpoint as error:
            return Unready(str(error))

    def _recipient(
        self, stored: StoredSubscription, subscription: Subscription, context: Context
    ) -> Recipient:
        endpoint = subscription.notification.endpoint
        conditions = Conditions(subscription)
        return Recipient(
            sid=stored.sid,
            tenant=stored.tenant,
            id=stored.id,
            created_at=stored.created_at,
            active=subscription.is_active,
            expires_at=subscription.expires_at,
            owner=subscription.owner,
            address=parse_endpoint(endpoint.uri),
            quality=quality_of(dict(endpoint.notifier_info)),
            receiver_info=endpoint.receiver_info,
            timeout=None if endpoint.timeout is None else endpoint.timeout / 1000,
            cooldown=(endpoint.cooldown or 0) / 1000,
            view=self._view(subscription, context),
            concerns=conditions.concerns,
            wants=conditions.wants,
        )

    def _view(self, subscription: Subscription, context: Context) -> View:
        endpoint = subscription.notification.endpoint
        geo_context = ("prefer", "body=json") not in {
            (key.lower(), value) for key, value in endpoint.receiver_info
        }
        shape = shape_of(subscription)
        key = (shape, context.key, endpoint.accept, geo_context)
        view = self._views.get(key)
        if view is None:
            view = View(shape, context, endpoint.accept, geo_context=geo_context)
            self._views[key] = view
        return view


def shape_of(subscription: Subscription) -> Shape:
    """Return how a subscription wants its notifications."""
    notification = subscription.notification
    tells = not _TELL_DELETIONS.isdisjoint(subscription.triggers)
    return Shape(
        kind=notification.format,
        sys_attrs=notification.sys_attrs,
        show_changes=notification.show_changes,
        attributes=notification.attributes,
        pick=notification.pick,
        omit=notification.omit,
        datasets=subscription.datasets,
        deletions=subscription.watched if tells else frozenset(),
        lang=subscription.lang,
    )
