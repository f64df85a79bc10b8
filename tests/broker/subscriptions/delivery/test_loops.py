"""Loops are found by their header or by experiment, and what is no loop is left alone."""

import random

import pytest

from broker.store.contract import Change, Committed, Kind
from broker.subscriptions.delivery.loops import (
    BETWEEN_PROBES,
    MOST_ROUNDS,
    PROBES,
    SUSPICIOUS,
    Chains,
    Rounds,
)

E1 = "urn:ngsi-ld:River:1"


def change(seq: int, entity: str = E1, tenant: str = "") -> Committed:
    return Committed(Change(seq, tenant, entity, seq, Kind.UPDATE, "", {}, {}), None, None)


def written(chains: Chains, header: str, seq: int, entity: str = E1, tenant: str = "") -> None:
    done = chains.writing(tenant, [entity], header)
    chains.committed([change(seq, entity, tenant)])
    done()


def test_a_chain_grows_with_each_round() -> None:
    chains = Chains(b"key")
    for seq in range(1, 5):
        assert chains.rounds(7, seq) == seq - 1
        written(chains, chains.header(7, seq), seq + 1)


def test_a_chain_goes_through_other_subscriptions() -> None:
    chains = Chains(b"key")
    written(chains, chains.header(7, 1), 2)
    written(chains, chains.header(8, 2), 3)
    assert [chains.rounds(sid, 3) for sid in (7, 8, 9)] == [1, 1, 0]


def test_a_chain_is_bounded() -> None:
    chains = Chains(b"key")
    for seq in range(1, 300):
        written(chains, chains.header(7, seq), seq + 1)
    assert MOST_ROUNDS <= chains.rounds(7, 300) <= 64
    assert len(chains.header(7, 300)) < 1200


@pytest.mark.parametrize("change_of", [(E1 + "x", ""), (E1, "other")])
def test_a_chain_belongs_to_the_entities_written_with_it(change_of: tuple[str, str]) -> None:
    chains = Chains(b"key")
    done = chains.writing("", [E1], chains.header(7, 1))
    chains.committed([change(2, *change_of)])
    done()
    chains.committed([change(3)])
    assert [chains.rounds(7, seq) for seq in (2, 3)] == [0, 0]


@pytest.mark.parametrize("header", ["", "7", "7~0000000000000000", "x~y", "7.7.7.7.7.7.7.7.7~"])
def test_a_chain_this_broker_did_not_sign_counts_for_nothing(header: str) -> None:
    chains = Chains(b"key")
    for told in (header, Chains(b"other").header(7, 1)):
        written(chains, told, 2)
        assert chains.rounds(7, 2) == 0


class Loop:
    """A receiver that writes `reaction` seconds after it was notified."""

    def __init__(self, reaction: float) -> None:
        self.rounds = Rounds()
        self.now = 0.0
        self.reaction = reaction
        self.notified = 0

    def run(self, most: int = 1000) -> float:
        """Go round until stopped; return the last verdict."""
        self.rounds.queued(1, E1, self.now)
        for _ in range(most):
            held = self.rounds.hold(1, E1, self.now)
            if held > 0:
                self.now += held
                held = self.rounds.hold(1, E1, self.now)
            if held < 0:
                return held
            self.rounds.sent(1, E1, self.now)
            self.notified += 1
            self.now += self.reaction
            self.rounds.queued(1, E1, self.now)
        return 0.0


@pytest.mark.parametrize("reaction", [0.0005, 0.01, 0.9])
def test_a_loop_is_stopped_after_a_bounded_number_of_rounds(reaction: float) -> None:
    loop = Loop(reaction)
    assert loop.run() < 0
    assert loop.notified <= SUSPICIOUS + PROBES * BETWEEN_PROBES + 1


def test_rounds_slower_than_a_second_are_no_loop_of_concern() -> None:
    assert Loop(1.5).run() == 0


@pytest.mark.parametrize("rate", [1.5, 20, 500])
@pytest.mark.parametrize("jitter", [0.0, 0.3])
def test_a_steady_sensor_is_held_back_once_at_most(rate: float, jitter: float) -> None:
    rounds = Rounds()
    draw = random.Random(1)
    now, holds = 0.0, 0
    held = 0.0
    for _ in range(3000):
        now += (1 + draw.uniform(-jitter, jitter)) / rate
        refuted = rounds.queued(1, E1, now)
        assert refuted is (held > 0)
        held = rounds.hold(1, E1, now)
        assert held >= 0
        if held:
            holds += 1
            assert held >= 1.0
            continue
        rounds.sent(1, E1, now)
    assert holds <= 1


def test_a_receiver_that_cannot_keep_up_is_no_loop() -> None:
    rounds = Rounds()
    for step in range(1000):
        rounds.queued(1, E1, step * 0.01)
        rounds.queued(1, E1, step * 0.01 + 0.001)
        assert rounds.hold(1, E1, step * 0.01 + 0.002) == 0
        rounds.sent(1, E1, step * 0.01 + 0.002)
        rounds.sent(1, E1, step * 0.01 + 0.003)


def test_the_memory_of_pairs_is_bounded() -> None:
    rounds = Rounds()
    for number in range(20_000):
        rounds.queued(1, f"{E1}{number}", 0.0)
    assert rounds.hold(1, f"{E1}0", 0.0) == 0
