"""What commands share: errors with a remedy and an exit code, options, examples in the help."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import click

from machi.errors import DataFaulty, MachiCommandError
from machi.language import t

Command = TypeVar("Command", bound=Callable[..., Any])

EXIT_CODES = t("""
\b
Exit codes:
  0  done, or stopped on request
  1  failed; the message says why
  2  wrong usage
  3  a port is busy
  4  a running town or broker is needed and gives no answer
  5  a process of the town does not come up
  6  data or a backup are faulty, in use, missing or in the way
  7  the broker refuses; the message says why
  8  the doctor found something that needs a hand
""")


def epilog(*examples: str) -> str:
    """Return the end of a command's help: examples, then the exit codes."""
    lines = [t("Examples:"), *(f"  {line}" for line in examples)]
    return "\b\n" + "\n".join(lines) + "\n\n" + EXIT_CODES


class Group(click.Group):
    """Ends commands with the message, remedy and exit code of our own errors."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except MachiCommandError as error:
            click.echo(f"machi: {error}", err=True)
            if error.remedy:
                click.echo(f"       {error.remedy}", err=True)
            sys.exit(error.exit_code)


data_option = click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("data"),
    show_default=True,
    envvar="MACHI_DATA",
    show_envvar=True,
    help=t("Folder of the town's data."),
)


def port_option(name: str, default: int, what: str) -> Callable[[Command], Command]:
    """Return a click option for a TCP port."""
    return click.option(
        name,
        type=click.IntRange(1, 65535),
        default=default,
        show_default=True,
        help=t("Port of {what}.", what=what),
    )


broker_option = click.option(
    "--broker",
    "url",
    default="http://127.0.0.1:1026",
    show_default=True,
    envvar="MACHI_BROKER",
    show_envvar=True,
    help=t("URL of the running broker."),
)


def broker_options(command: Command) -> Command:
    """Add the options that say which broker, tenant and @context a command is about."""
    context = click.option(
        "--context",
        metavar="URL",
        envvar="MACHI_CONTEXT",
        show_envvar=True,
        help=t("@context that names are read and shown by."),
    )
    tenant = click.option(
        "--tenant",
        default="",
        envvar="MACHI_TENANT",
        show_envvar=True,
        help=t("Tenant; the default one if left out."),
    )
    return broker_option(tenant(context(command)))


json_option = click.option("--json", "as_json", is_flag=True, help=t("Print JSON, for programs."))


@contextlib.contextmanager
def data_errors() -> Iterator[None]:
    """Turn what is wrong with a data folder into the command's own error."""
    from broker.store.sqlite.errors import DataFolderError

    try:
        yield
    except DataFolderError as error:
        raise DataFaulty(str(error)) from error


@contextlib.contextmanager
def file_errors() -> Iterator[None]:
    """Turn a file or folder that cannot be made, read or written into the command's own error."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            raise
        raise DataFaulty(
            t("{path} cannot be used: {why}.", path=error.filename, why=error.strerror),
            remedy=t("Give a place that is there, with room, and that this user may write to."),
        ) from error


def table(headings: list[str], rows: list[list[str]]) -> list[str]:
    """Return rows as lines of aligned columns; the last column is as wide as it likes."""
    widths = [
        max(_width(row[column]) for row in [headings, *rows]) for column in range(len(headings))
    ]
    return [_line(headings, widths), *(_line(row, widths) for row in rows)]


def _line(cells: list[str], widths: list[int]) -> str:
    padded = [
        cell + " " * (width - _width(cell)) for cell, width in zip(cells, widths, strict=True)
    ]
    return "  ".join(padded).rstrip()


def shortened(text: str, columns: int) -> str:
    """Return a text of at most so many columns of a terminal."""
    if _width(text) <= columns:
        return text
    taken = 0
    for at, letter in enumerate(text):
        taken += _width(letter)
        if taken >= columns:
            return text[:at] + "…"
    return text


def _width(text: str) -> int:
    """Return how many columns of a terminal a text takes: Japanese letters take two."""
    from unicodedata import east_asian_width

    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)
