"""`machi box-key` and `machi box-simulator`: a key box without network, made of software."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import click

from adapters.contract import CannotRun
from adapters.key_box.box import Answer, Box, Why
from adapters.key_box.manifest import MANIFEST
from adapters.key_box.master import LENGTH, MASTER, master_key
from adapters.key_box.offline_pin import Tolerance, box_key
from machi.commands.shared import data_option, epilog
from machi.errors import DataFaulty
from machi.language import t

LOCK = "urn:ngsi-ld:SmartLock:432148:E4321400003111"


@click.command(
    "box-key",
    epilog=epilog(f"machi box-key {LOCK} --out box.key"),
    help=t("""Write the key of a key box into a file, as whoever sets up the box needs it.

        Who has the key can compute every PIN of this box.
        """),
)
@click.argument("lock")
@click.option("--epoch", type=click.IntRange(0), default=0, help=t("keyEpoch of the lock."))
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True)
@data_option
def box_key_command(lock: str, epoch: int, out: Path, data: Path) -> None:
    """Write the key of a box."""
    path = data / "adapters" / MANIFEST.name / MASTER
    if not path.exists():
        raise DataFaulty(
            t("There is no master key {path}.", path=path),
            remedy=t("Start the town once, or name its folder with --data."),
        )
    try:
        key = box_key(master_key(path), lock, epoch)
    except CannotRun as fault:
        raise DataFaulty(str(fault)) from fault
    with os.fdopen(os.open(out, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
        file.write(key.hex() + "\n")
    click.echo(t("The key of the box is in {path}, for its owner only.", path=out))


@click.command(
    "box-simulator",
    epilog=epilog(
        "machi box-simulator box.key",
        "machi box-simulator box.key --at 2026-12-05T09:00:00+09:00 --pin 482913057",
    ),
    help=t("""Be a key box without network: take PINs and say whether it opens.

        It knows the key in KEYFILE and the clock, and nothing else. Without --pin it asks for one
        PIN after another until an empty line or Ctrl-D; `shut` puts the key back.
        """),
)
@click.argument("keyfile", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--at", metavar="TIME", help=t("What the box's clock shows, with an offset."))
@click.option("--pin", help=t("Take this one PIN; exit code 1 where the box stays shut."))
@click.option("--early", type=click.IntRange(0), default=600, show_default=True)
@click.option("--late", type=click.IntRange(0), default=600, show_default=True)
@click.option("--drift", type=click.IntRange(0), default=0, show_default=True)
def box_simulator(
    keyfile: Path, at: str | None, pin: str | None, early: int, late: int, drift: int
) -> None:
    """Be a key box."""
    box = Box(_key(keyfile), Tolerance(early, late, drift))
    clock = _clock(at)
    if pin is not None:
        answer = box.enter(pin, clock())
        click.echo(_said(answer))
        raise SystemExit(0 if answer.opens else 1)
    click.echo(t("The box is shut. Type a PIN, or `shut` to put the key back."))
    while typed := _typed():
        if typed == "shut":
            click.echo(t("Receipt: {receipt}", receipt=box.shut(clock())))
        else:
            click.echo(_said(box.enter(typed, clock())))


def _typed() -> str:
    try:
        return str(click.prompt("PIN", default="", show_default=False)).strip()
    except click.Abort:
        return ""


def _key(path: Path) -> bytes:
    try:
        key = bytes.fromhex(path.read_text().strip())
    except ValueError as fault:
        raise DataFaulty(t("{path} is no key of a box.", path=path)) from fault
    if len(key) != LENGTH:
        raise DataFaulty(t("{path} is no key of a box.", path=path))
    return key


def _clock(at: str | None) -> Callable[[], float]:
    if at is None:
        return lambda: datetime.now(UTC).timestamp()
    try:
        moment = datetime.fromisoformat(at)
    except ValueError as fault:
        raise click.BadParameter(t("not a time"), param_hint="--at") from fault
    if moment.tzinfo is None:
        raise click.BadParameter(t("a time without an offset"), param_hint="--at")
    return moment.timestamp


def _said(answer: Answer) -> str:
    match answer.why:
        case Why.OPENED:
            text = t("It opens.")
        case Why.EMERGENCY:
            text = t("It opens for an area leader.")
        case Why.BLOCKED:
            text = t("It stays shut: staff have blocked this PIN.")
        case Why.NOW_BLOCKED:
            text = t("It stays shut, and takes the blocked PIN no more.")
        case Why.HELD_BACK:
            text = t("It takes no PIN for another {seconds} s.", seconds=answer.wait)
        case _ if answer.wait:
            text = t("Wrong. It takes no PIN for {seconds} s.", seconds=answer.wait)
        case _:
            text = t("Wrong. It stays shut.")
    return text
