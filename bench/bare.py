"""The yardstick: an ASGI application that does nothing but answer.

GET answers 600 bytes of JSON. Any other method reads the body, parses it and answers 201.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import uvicorn

BODY = orjson.dumps({"id": "urn:ngsi-ld:Bare:1", "text": "x" * 563})
GET_START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(BODY)).encode()),
    ],
}
GET_BODY = {"type": "http.response.body", "body": BODY}
POST_START = {"type": "http.response.start", "status": 201, "headers": [(b"content-length", b"0")]}
POST_BODY = {"type": "http.response.body", "body": b""}

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Answer one request."""
    if scope["type"] != "http":
        return
    if scope["method"] == "GET":
        await send(GET_START)
        await send(GET_BODY)
        return
    body = b""
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    orjson.loads(body)
    await send(POST_START)
    await send(POST_BODY)


def serve(port: int) -> None:
    """Serve on the loopback address, with the settings the broker uses."""
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=port,
        loop="uvloop",
        http="httptools",
        lifespan="off",
        proxy_headers=False,
        server_header=False,
        date_header=True,
        access_log=False,
        log_level="warning",
    )


if __name__ == "__main__":
    import sys

    serve(int(sys.argv[1]))
