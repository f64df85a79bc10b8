"""The private file with the addresses."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from apps.alerts.channels.config import ChannelsRefused, Mail, Webhook, read_channels

MAIL = {"name": "citizens", "host": "mail.example", "sender": "a@b.example", "to": ["c@d.example"]}
HOOK = {"name": "signage", "url": "https://signage.example/cap", "secret": "s"}


def write(folder: Path, content: Any, mode: int = 0o600) -> Path:
    """Write the file with a mode."""
    path = folder / "channels.json"
    path.write_bytes(content if isinstance(content, bytes) else orjson.dumps(content))
    path.chmod(mode)
    return path


def test_mail_and_webhooks_are_read(tmp_path: Path):
    mail, hook = read_channels(write(tmp_path, {"mail": [MAIL], "webhooks": [HOOK]}))
    assert isinstance(mail, Mail)
    assert isinstance(hook, Webhook)
    assert mail.starttls
    assert mail.kinds == frozenset({"alert", "evacuation"})


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_file_that_others_may_read_is_refused(tmp_path: Path, mode: int):
    with pytest.raises(ChannelsRefused, match="chmod 600"):
        read_channels(write(tmp_path, {}, mode))


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        [],
        {"mail": [{**MAIL, "to": []}]},
        {"mail": [{**MAIL, "to": "c@d.example"}]},
        {"mail": [7]},
        {"webhooks": [{**HOOK, "url": "file:///etc/passwd"}]},
        {"webhooks": [{**HOOK, "secret": ""}]},
        {"webhooks": [HOOK, HOOK]},
        {"webhooks": [{**HOOK, "kinds": ["all"]}]},
    ],
)
def test_file_that_is_not_right_is_refused_without_naming_an_address(tmp_path: Path, content: Any):
    with pytest.raises(ChannelsRefused) as caught:
        read_channels(write(tmp_path, content))
    assert "@" not in str(caught.value)
