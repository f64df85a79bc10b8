"""`python -m machi.deploying FOLDER --data DATA`: make the secrets that compose.yaml reads.

What is there already is left alone, so that it may be run again after an upgrade. Keys of the
town's processes are entered in the identity book of the shared folder DATA. The certificate for
the public names is one that only tries take: replace it by your own.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import os
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from broker.clock import now
from consent.identity.at_hand import new_key
from consent.identity.book import IdentityBook
from consent.identity.model import Client, Role
from machi.access import HANDED

ROUNDS: Final = 100_000
"""Of PBKDF2 in Mosquitto's file of accounts."""

YEARS: Final = 5
MODE: Final = 0o440
"""Readable for the group of the containers' users, see docs/operate.md."""


class Secrets:
    """A folder of secrets, one a file. `town` is the host name the pages are found at."""

    def __init__(self, folder: Path, town: str) -> None:
        self.folder = folder
        self.town = town

    def make(self, name: str, content: Callable[[], bytes]) -> Path:
        """Make a secret where there is none, whole or not at all; return its file.

        One that is there is not read: it may belong to the one user that may.
        """
        path = self.folder / name
        if path.exists():
            return path
        made = content()
        fresh = self.folder / f".{name}.new"
        fresh.unlink(missing_ok=True)
        file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE)
        with os.fdopen(file, "wb") as open_file:
            os.fchmod(file, MODE)
            open_file.write(made)
            open_file.flush()
            os.fsync(file)
        return fresh.replace(path)

    def all(self, data: Path) -> None:
        """Make all that is missing."""
        self.make("master.key", lambda: base64.b64encode(secrets.token_bytes(32)))
        self.make("mongo.keyfile", lambda: base64.b64encode(secrets.token_bytes(512)))
        for name in ("mongo-root.password", "mongo.password", "mqtt.password", "grafana.password"):
            self.make(name, _password)
        password = self.make("mongo.password", _password).read_text()
        servers = ",".join(f"mongo-{number}:27017" for number in (1, 2, 3))
        url = f"mongodb://machi:{password}@{servers}/town?replicaSet=town&authSource=town"
        self.make("mongo.url", url.encode)
        mqtt = self.make("mqtt.password", _password)
        self.make("mqtt.accounts", lambda: b"adapters:" + _mosquitto(mqtt.read_bytes()) + b"\n")
        self._certificates("mqtt", ["mosquitto", "localhost"], own_authority=True)
        names = [self.town, *(f"{part}.{self.town}" for part in PARTS)]
        self._certificates("tls", names, own_authority=False)
        self._keys(data)

    def _certificates(self, name: str, hosts: list[str], *, own_authority: bool) -> None:
        if (self.folder / f"{name}-certificate.pem").exists():
            return
        authority, of = _certificate(f"{name} authority", [], None)
        certificate, key = _certificate(hosts[0], hosts, (authority, of))
        if own_authority:
            self.make(f"{name}-ca.pem", lambda: _pem(authority))
        self.make(f"{name}-key.pem", lambda: _key(key))
        self.make(f"{name}-certificate.pem", lambda: _pem(certificate) + _pem(authority))

    def _keys(self, data: Path) -> None:
        book = IdentityBook(data)
        try:
            for process, names in HANDED.items():
                role = Role.DEVICE if process == "adapters" else Role.APP
                for name in names:
                    client = Client(name, frozenset({role}))
                    self.make(
                        f"{name}.key",
                        lambda c=client: new_key(book, c, now(), secrets.token_bytes).encode(),  # type: ignore[misc]
                    )
        finally:
            book.close()


PARTS: Final = ("api", "staff", "bookings", "money", "consent")
"""What the pages besides the portal are called under the town's name."""


def _password() -> bytes:
    return secrets.token_urlsafe(24).encode()


def _mosquitto(password: bytes) -> bytes:
    """Return a password as Mosquitto keeps it: PBKDF2 with SHA-512."""
    salt = secrets.token_bytes(12)
    kept = hashlib.pbkdf2_hmac("sha512", password, salt, ROUNDS)
    parts = (str(ROUNDS).encode(), base64.b64encode(salt), base64.b64encode(kept))
    return b"$7$" + b"$".join(parts)


Issued = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


def _certificate(name: str, hosts: list[str], authority: Issued | None) -> Issued:
    """Return a certificate of an authority; one of its own without."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer = subject if authority is None else authority[0].subject
    today = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=365 * YEARS))
        .add_extension(x509.BasicConstraints(ca=authority is None, path_length=None), critical=True)
        .add_extension(_use(signs=authority is None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if authority is not None:
        of = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority[1].public_key())
        made = made.add_extension(of, critical=False)
    if hosts:
        names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
        made = made.add_extension(names, critical=False)
    return made.sign(key if authority is None else authority[1], hashes.SHA256()), key


def _use(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def main() -> None:
    """Make the secrets."""
    parser = argparse.ArgumentParser(prog="machi.deploying", description=__doc__)
    parser.add_argument("folder", type=Path, help="folder for the secrets")
    parser.add_argument("--data", type=Path, required=True, help="folder the brokers share")
    parser.add_argument("--host", default="town.example", help="name of the town's page")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    Secrets(options.folder, options.host).all(options.data)
    print(f"the secrets are in {options.folder}")


if __name__ == "__main__":
    main()
