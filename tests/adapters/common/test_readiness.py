"""An adapter is ready when its last part is, and says so once."""

from adapters.common.readiness import Readiness


def test_ready_when_every_part_is_and_only_once():
    said: list[str] = []
    readiness = Readiness(lambda: said.append("ready"))
    messages, commands = readiness.part(), readiness.part()
    messages()
    messages()
    assert said == []
    commands()
    messages()
    assert said == ["ready"]
