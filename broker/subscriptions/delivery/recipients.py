"""From a stored subscription to a recipient: what is parsed and compiled once, not at each try."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any
from weakref import WeakValueDictionary

from broker.entities.links import Links
from broker.entities.service import Entities
from broker.errors import MachiError
from broker.guard import Caller
from broker.jsonld.context import Context
from broker.jsonld.loader import ContextLoader
from broker.model.entity import Entity
from broker.model.language import parse_languages
from broker.model.render import Form
from broker.safe import Safe, Sealed
from broker.store.outbox import Notice, StoredSubscription
from broker.subscriptions.conditions import Conditions
from broker.subscriptions.delivery.quality import quality_of
from broker.subscriptions.delivery.recipient import Follow, Known, Recipient, Unready
from broker.subscriptions.delivery.render import View
from broker.subscriptions.delivery.shape import Join, Shape
from broker.subscriptions.endpoint import NotAnEndpoint, parse_endpoint
from broker.subscriptions.model import Subscription, Trigger
from broker.subscriptions.safe import opened
from broker.subscriptions.stored import load

_TELL_DELETIONS = frozenset((Trigger.ATTRIBUTE_DELETED, Trigger.ENTITY_UPDATED))


class Recipients:
    """Makes recipients. Those that want the same rendering share one view."""

    def __init__(
        self,
        entities: Entities,
        contexts: ContextLoader,
        tell: Callable[[str, Notice, Context, bool, bool], list[dict[str, Any]]],
        safe: Safe,
    ) -> None:
        """`tell` shows a tenant's notice: with which names, with times, with secrets."""
        self._safe = safe
        self._tell = tell
        self._entities = entities
        self._outbox = entities.store.outbox
        self._contexts = contexts
        self._views: WeakValueDictionary[Hashable, View] = WeakValueDictionary()

    async def know(self, sid: int) -> Known | None:
        """Return the recipient of a subscription; None where it is gone."""
        stored = self._outbox.find(sid)
        if stored is None:
            return None
        try:
            subscription = load(opened(self._safe, stored.tenant, stored.document))
            context = await self._contexts.resolve(subscription.context, tenant=stored.tenant)
            return self._recipient(stored, subscription, context)
        except MachiError as error:
            return Unready(error.detail)
        except (NotAnEndpoint, Sealed) as error:
            return Unready(str(error))

    def _recipient(
        self, stored: StoredSubscription, subscription: Subscription, context: Context
    ) -> Recipient:
        endpoint = subscription.notification.endpoint
        conditions = Conditions(subscription)
        shape = shape_of(subscription)
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
            view=self._view(shape, subscription, context),
            follow=self._follower(shape, stored.tenant),
            shown=lambda notice, secrets: self._tell(
                stored.tenant, notice, context, shape.form.sys_attrs, secrets
            ),
            concerns=conditions.concerns,
            wants=conditions.wants,
        )

    def _follower(self, shape: Shape, tenant: str) -> Follow | None:
        """Return how the entities are found that those of a notification are linked with."""
        join = shape.join
        if join is None:
            return None

        async def follow(owner: Caller, entities: Sequence[Entity]) -> Links:
            links = Links(entities, frozenset(), some=True)
            await links.follow(self._entities, owner, tenant, shape.form, join.level)
            return links

        return follow

    def _view(self, shape: Shape, subscription: Subscription, context: Context) -> View:
        endpoint = subscription.notification.endpoint
        geo_context = ("prefer", "body=json") not in {
            (key.lower(), value) for key, value in endpoint.receiver_info
        }
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
    form = Form(
        notification.format,
        notification.sys_attrs,
        notification.attributes,
        notification.projection,
        subscription.datasets,
        () if subscription.lang is None else parse_languages(subscription.lang, "body:/lang"),
    )
    join = notification.join
    return Shape(
        form=form,
        show_changes=notification.show_changes,
        deletions=subscription.watched if tells else frozenset(),
        join=None if join is None else Join(join == "inline", notification.join_level),
        version=subscription.conformance,
    )
