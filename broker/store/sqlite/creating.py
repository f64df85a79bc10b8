"""Creations in SQL: what the unit of work would write, without its machinery."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import apsw

from broker.entities.semantics import created
from broker.errors import BadRequestData
from broker.model.entity import Entity
from broker.store.birth import Birth
from broker.store.contract import Change, Committed, Kind, Record
from broker.store.sqlite.connection import Run
from broker.store.sqlite.documents import dump
from broker.store.sqlite.effects import Effects
from broker.store.sqlite.entering import Entering, numbers
from broker.store.sqlite.session import CHANGE, EXPIRES, Feed
from broker.store.sqlite.town import Town

_CREATE: Final = Kind.CREATE
"""As it is: to look for a member of an enumeration takes its time."""


class Creating:
    """Carries out creations in the open transaction."""

    def __init__(self, run: Run, entering: Entering, feed: Feed) -> None:
        self._run = run
        self._entering = entering
        self._feed = feed

    def attempt(self, birth: Birth, town: Town, now: str, effects: Effects) -> Record | None:
        """Carry out a creation; return None, nothing done, where it has to be run as a work.

        Raises what `birth.may` raises.
        """
        return self.create(birth.fragment, birth.may, town, now, effects)

    def create(
        self,
        fragment: Entity,
        may: Callable[[Entity], None] | None,
        town: Town,
        now: str,
        effects: Effects,
    ) -> Record | None:
        """Carry out the creation of a fragment, as `attempt` does; None for what lets all be."""
        if town.rules:
            return None
        entity = created(fragment, now)
        if may is not None:
            may(entity)
        names, tid, entity_id = town.names, town.tid, entity["id"]
        names.undo = effects.undo
        try:
            document = dump(entity, names.keys)
            types = numbers(entity["type"], names)
        except BadRequestData:
            return None
        if EXPIRES in document:
            return None
        last, version, seq = 0, 1, effects.seq + 1
        if self._feed.graves:
            last, buried = self._entering.leave_grave(tid, entity_id)
            version = buried + 1
        try:
            eid = self._entering.enter(entity, types, document, (version, seq), town, effects)
        except apsw.ConstraintError:
            return None
        values = (seq, tid, entity_id, version, _CREATE, now, last, eid, document, None)
        self._run(CHANGE, values)
        change = Change(seq, town.name, entity_id, version, _CREATE, now, entity, None)
        effects.committed.append(Committed(change, None, entity))
        return Record(entity, version)
