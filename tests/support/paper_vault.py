"""A vault for tests of what is around it: it forgets everything at its end."""


class PaperVault:
    """A vault that keeps everything in the open (`apps.keys.contract.Vault`)."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}

    async def put(self, holder: str, kind: str, secret: str, /) -> None:
        self.kept[holder, kind] = secret

    async def get(self, holder: str, kind: str, /) -> str | None:
        return self.kept.get((holder, kind))

    async def kinds(self, holder: str, /) -> list[str]:
        return sorted(kind for whose, kind in self.kept if whose == holder)

    async def forget(self, holder: str, kind: str, /) -> None:
        self.kept.pop((holder, kind), None)

    async def erase(self, holder: str, /) -> None:
        self.kept = {key: one for key, one in self.kept.items() if key[0] != holder}
