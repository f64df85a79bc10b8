"""Reads QR codes in pictures, for browsers that have no reader of their own."""

from __future__ import annotations

import asyncio
import re
from typing import Final

import zxingcpp
from starlette.requests import Request
from starlette.responses import Response

from apps.shell.forms import own_body
from apps.shell.refused import FormRefused

LARGEST_SIDE: Final = 640
AT_ONCE: Final = 2
_SIDE: Final = re.compile("[1-9][0-9]{0,2}")
_QR: Final = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)


class Camera:
    """Reads a few pictures at a time; none is kept."""

    def __init__(self) -> None:
        self._reading = asyncio.Semaphore(AT_ONCE)

    async def read(self, request: Request) -> Response:
        """Answer with the text of the code in a picture: a byte of grey for each pixel, by rows.

        204 where there is none, 503 where others are read: the next picture may fare better.
        """
        height, width = (_side(request.query_params.get(side, "")) for side in ("height", "width"))
        body = await own_body(request, height * width)
        if len(body) != height * width:
            raise FormRefused("bad_form")
        if self._reading.locked():
            return Response(status_code=503)
        async with self._reading:
            text = await asyncio.to_thread(code_in, body, height, width)
        return Response(text, media_type="text/plain") if text else Response(status_code=204)


def code_in(grey: bytes, height: int, width: int) -> str:
    """Return the text of the first QR code in a picture, "" where there is none."""
    picture = memoryview(grey).cast("B", shape=(height, width))
    found = zxingcpp.read_barcodes(picture, formats=_QR)
    return found[0].text if found else ""


def _side(text: str) -> int:
    if not _SIDE.fullmatch(text) or int(text) > LARGEST_SIDE:
        raise FormRefused("bad_form")
    return int(text)
