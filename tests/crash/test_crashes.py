"""Crashes and power cuts in small; `make crash` does many more."""

from pathlib import Path
from random import Random

import pytest

from broker.store.sqlite import SqliteStore
from tests.crash.cuts import Cuts
from tests.crash.kills import Kills
from tests.crash.replicas import ReplicaKills
from tests.crash.tally import Tally
from tests.support import effort


async def test_killed_broker_keeps_what_it_answered(tmp_path: Path) -> None:
    tally = Tally("SIGKILL under load")
    kills = effort(quick=3, long=20)
    await Kills(tmp_path, Random(1), (0.2, 0.6), print, tally).run(kills)
    assert tally.wrong == []
    assert tally.counts["kills under load"] == kills
    assert tally.counts["writes answered"] > 0


async def test_store_keeps_what_it_answered_through_power_cuts(tmp_path: Path) -> None:
    tally = Tally("power cuts under load")
    cuts = effort(quick=5, long=50)
    await Cuts(tmp_path, Random(1), print, tally).run(cuts)
    assert tally.wrong == []
    assert tally.counts["power cuts under load"] == cuts
    assert tally.counts["writes answered"] > 0


class Careless(SqliteStore):
    """A store that answers before its writes are safe."""

    async def open(self) -> None:
        """Open, and turn the syncs off."""
        await super().open()
        self._connection.pragma("synchronous", "off")


async def test_a_store_that_does_not_sync_is_found_out(tmp_path: Path) -> None:
    tally = Tally("power cuts under load")
    await Cuts(tmp_path, Random(1), print, tally, engine=Careless).run(20)
    assert tally.wrong


@pytest.mark.long
@pytest.mark.timeout(3000)
async def test_one_of_two_brokers_on_mongodb_is_killed_and_nothing_is_lost(tmp_path: Path) -> None:
    tally = Tally("SIGKILL of one of two brokers")
    kills = 10
    await ReplicaKills(tmp_path, Random(1), (0.2, 0.4), print, tally).run(kills, restarts=1)
    assert tally.wrong == []
    assert tally.counts["kills under load"] == kills
    assert tally.counts["writes answered"] > 0
