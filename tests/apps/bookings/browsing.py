"""The two applications of bookings over HTTP, and a browser without windows for each."""

import re
from dataclasses import dataclass

import aiohttp

from apps.bookings.pages.site import Site
from tests.apps.bookings.stage import NINE, Noting, Stage

BUILDING = {
    "id": "urn:ngsi-ld:Building:432148:gym",
    "type": "Building",
    "address": {"type": "Property",
                "value": {"addressLocality": "阿蘇市", "streetAddress": "内牧1"}},
    "location": {"type": "GeoProperty",
                 "value": {"type": "Point", "coordinates": [131.04, 32.97]}},
}  # fmt: skip


@dataclass
class Pages:
    """The stage, the two applications, a browser for each, and what is noted for the log."""

    town: Stage
    site: Site
    citizen: aiohttp.ClientSession
    desk: aiohttp.ClientSession
    noting: Noting

    async def page(self, path: str, status: int = 200) -> str:
        async with self.citizen.get(path) as answer:
            assert answer.status == status, await answer.text()
            return await answer.text()

    async def seen(self, path: str) -> str:
        """Return a page of the counter."""
        async with self.desk.get(path) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.text()

    async def send(self, session: aiohttp.ClientSession, path: str, page: str, **fields: str):
        fields["token"] = re.findall(r'name="token" value="([0-9a-f]+)"', page)[0]
        async with session.post(path, data=fields) as answer:
            return answer.status, str(answer.url), await answer.text()

    async def book(self, **more: str) -> str:
        """Book the gym for two hours; return the path of the booking's page."""
        page = await self.page("/spaces/gym?date=2026-12-01&lang=en")
        fields = {
            "key": re.findall(r'name="key" value="([^"]+)"', page)[0],
            "start": NINE.start.isoformat(),
            "minutes": "120",
            "name": "阿蘇 花子",
            "mail": "hanako@example.jp",
        } | more
        status, url, text = await self.send(
            self.citizen, "/spaces/gym/book?date=2026-12-01&lang=en", page, **fields
        )
        assert status == 200, text
        return re.sub(r"^http://[^/]+|\?.*$", "", url)
