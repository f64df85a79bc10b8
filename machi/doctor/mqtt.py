"""Does an MQTT broker answer, and in which version?"""

from __future__ import annotations

import socket
from typing import Final

from machi.doctor.finding import Finding, note, ok, problem
from machi.language import t

VERSIONS: Final = {5: "5", 4: "3.1.1"}
SECONDS: Final = 2.0


def answers(host: str, port: int, level: int) -> bool:
    """Tell whether a server at the address accepts a client of a protocol level (5, or 4).

    Raises OSError where nobody listens there.
    """
    properties = b"\x00" if level == 5 else b""
    name = b"machi-doctor"
    body = b"\x00\x04MQTT" + bytes([level, 2, 0, 10]) + properties + bytes([0, len(name)]) + name
    with socket.create_connection((host, port), timeout=SECONDS) as connection:
        connection.sendall(bytes([0x10, len(body)]) + body)
        try:
            reply = connection.recv(64)
        except OSError:
            return False
    return len(reply) >= 4 and reply[0] == 0x20 and reply[3] == 0


def mqtt(host: str, port: int, needed: bool) -> Finding:
    """Look at an MQTT broker; `needed` says that something is known to want it."""
    where = f"{host}:{port}"
    try:
        spoken = [name for level, name in VERSIONS.items() if answers(host, port, level)]
    except OSError:
        said = t("No MQTT broker at {where}.", where=where)
        remedy = t(
            "Start one (machi up brings one along; or Mosquitto), or name it: --mqtt HOST:PORT"
        )
        return problem("mqtt", said, remedy) if needed else note("mqtt", said, remedy)
    if not spoken:
        return problem(
            "mqtt",
            t(
                "What listens at {where} speaks neither MQTT 5 nor 3.1.1, or asks for a password.",
                where=where,
            ),
            t("Check the port (TLS is usually 8883), and the user and password in the endpoint."),
        )
    if "5" not in spoken:
        return note(
            "mqtt",
            t("The MQTT broker at {where} speaks 3.1.1 only.", where=where),
            t("Endpoints that ask for mqtt5.0 fall back to 3.1.1 there."),
        )
    return ok(
        "mqtt",
        t("The MQTT broker at {where} speaks {spoken}.", where=where, spoken=", ".join(spoken)),
    )
