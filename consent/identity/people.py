"""People who sign in: their accounts, sessions and failures, in the identity file."""

from __future__ import annotations

import apsw
import orjson

from consent.identity.file import IdentityError, IdentityFile
from consent.identity.model import Account, Attempts


class People:
    """Accounts and sessions. Names and passwords come in as digests only."""

    def __init__(self, file: IdentityFile) -> None:
        self._file = file

    def accounts(self) -> list[Account]:
        """Return all accounts by id."""
        rows = self._file.run("SELECT * FROM account ORDER BY id")
        return [_read(*row) for row in rows]

    def account(self, handle: bytes) -> Account | None:
        """Return the account of a name's digest."""
        rows = self._file.run("SELECT * FROM account WHERE handle = ?", handle)
        return _read(*rows[0]) if rows else None

    def add(self, account: Account) -> None:
        """Keep a new account. Raises IdentityError where the name has one."""
        tenants = None if account.tenants is None else sorted(account.tenants)
        body = orjson.dumps({"roles": sorted(account.roles), "tenants": tenants})
        try:
            self._file.one(
                "INSERT INTO account VALUES (?, ?, ?, ?)",
                account.id,
                account.handle,
                account.password,
                body,
            )
        except apsw.ConstraintError as error:
            raise IdentityError("There is an account of this name. Choose another.") from error

    def change_password(self, account_id: str, password: str) -> None:
        """Keep another hash, and end all sessions of the account."""
        with self._file.written():
            self._file.run("UPDATE account SET password = ? WHERE id = ?", password, account_id)
            self._file.run("DELETE FROM session WHERE account = ?", account_id)

    def remove(self, account_id: str) -> None:
        """Forget an account and its sessions. Raises IdentityError for one that is not known."""
        if not self._file.one("DELETE FROM account WHERE id = ?", account_id):
            raise IdentityError(f"There is no account {account_id}. See machi accounts list.")

    def open(self, digest: bytes, account_id: str, expires: str, now: str) -> None:
        """Keep a session, and forget those that have ended."""
        with self._file.written():
            self._file.run("DELETE FROM session WHERE expires <= ?", now)
            self._file.run("INSERT INTO session VALUES (?, ?, ?)", digest, account_id, expires)

    def end(self, digest: bytes) -> None:
        """End a session; nothing happens where there is none."""
        self._file.one("DELETE FROM session WHERE digest = ?", digest)

    def attempts(self, handle: bytes) -> Attempts:
        """Return the failures under a name's digest since the last success."""
        rows = self._file.run("SELECT failed, until FROM attempt WHERE handle = ?", handle)
        return Attempts(*rows[0]) if rows else Attempts()

    def failed(self, handle: bytes, attempts: Attempts, forget: float) -> None:
        """Keep the failures under a name's digest; those that ended before `forget` go."""
        with self._file.written():
            self._file.run("DELETE FROM attempt WHERE until < ?", forget)
            self._file.run(
                "INSERT OR REPLACE INTO attempt VALUES (?, ?, ?)",
                handle,
                attempts.failed,
                attempts.until,
            )

    def succeeded(self, handle: bytes) -> None:
        """Forget the failures under a name's digest."""
        self._file.one("DELETE FROM attempt WHERE handle = ?", handle)


def _read(account_id: str, handle: bytes, password: str, body: bytes) -> Account:
    told = orjson.loads(body)
    tenants = None if told["tenants"] is None else frozenset(told["tenants"])
    return Account(account_id, handle, password, frozenset(told["roles"]), tenants)
