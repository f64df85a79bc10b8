"""QR codes as SVG pictures."""

from __future__ import annotations

import io

import segno


def svg(text: str) -> bytes:
    """Return the QR code of a text as an SVG picture of any size, with error correction M.

    What is not ASCII is UTF-8, as readers expect that are told nothing else.
    """
    out = io.BytesIO()
    segno.make_qr(text, error="m", encoding="utf-8").save(
        out, kind="svg", border=4, xmldecl=False, omitsize=True, dark="#000", light="#fff"
    )
    return out.getvalue()
