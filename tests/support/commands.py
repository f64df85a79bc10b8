"""All there is on the command line."""

from collections.abc import Iterator

import click

from machi.cli import main


def commands(group: click.Group = main, *above: str) -> Iterator[tuple[tuple[str, ...], bool]]:
    """Yield the words of every command below `machi`, and whether it is a group of others."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        grouping = isinstance(command, click.Group)
        yield (*above, name), grouping
        if isinstance(command, click.Group):
            yield from commands(command, *above, name)
