"""QR codes as SVG pictures."""

from __future__ import annotations

import io

import segno


def svg(text: str, scale: int = 6) -> bytes:
    """Return the QR code of a text as an SVG picture, with error correction M."""
    out = io.BytesIO()
    segno.make_qr(text, error="m").save(
        out, kind="svg", scale=scale, border=4, xmldecl=False, dark="#000", light="#fff"
    )
    return out.getvalue()
