"""What the server says where a request is no HTTP: the same kind of answer as everywhere else."""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from broker.api.response import problem
from broker.errors import InvalidRequest


class Protocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 protocol, with problem documents for malformed requests."""

    def send_400_response(self, msg: str) -> None:
        """Answer with a problem document and close the connection."""
        answer = problem(
            InvalidRequest(
                "This is not a request in HTTP/1.1.",
                place="request",
                remedy="Check the request line, the header lines and Content-Length.",
            )
        )
        headers = [
            *answer.headers,
            (b"content-length", b"%d" % len(answer.body)),
            (b"connection", b"close"),
        ]
        lines = [name + b": " + value for name, value in headers]
        head = b"\r\n".join([b"HTTP/1.1 400 Bad Request", *lines, b"", b""])
        self.transport.write(head + answer.body)
        self.transport.close()
