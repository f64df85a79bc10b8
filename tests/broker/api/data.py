"""Entities and paths the tests of the API share."""

from typing import Any

from tests.support.asgi import Answer

V1 = "/ngsi-ld/v1"
EX = "/ngsi-ld/ex/v1"
ENTITIES = f"{V1}/entities"
OPERATIONS = f"{V1}/entityOperations"
TRANSACTIONS = f"{EX}/transactions"
DEFAULT_CONTEXT = "https://uri.etsi.org/ngsi-ld/default-context/"
CORE = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.9.jsonld"
ERRORS = "https://uri.etsi.org/ngsi-ld/errors/"
OWN = "urn:machi:error:"
LD = {"content-type": "application/ld+json"}
INLINE = {"level": "https://example.org/terms/level", "Gauge": "https://example.org/terms/Gauge"}


def urn(number: int | str, kind: str = "Gauge") -> str:
    """Return an entity id."""
    return f"urn:ngsi-ld:{kind}:{number}"


def gauge(number: int | str = 1, level: Any = 1.5, **members: Any) -> dict[str, Any]:
    """Return a concise entity of type Gauge."""
    return {"id": urn(number), "type": "Gauge", "level": level, **members}


def refusal(answer: Answer) -> tuple[int, str, str]:
    """Return status, type (without what all share) and place of a problem document."""
    told = answer.problem
    return answer.status, told["type"].removeprefix(ERRORS), told["place"]


def link(url: str) -> dict[str, str]:
    """Return the header that names a @context."""
    relation = 'rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'
    return {"link": f"<{url}>; {relation}"}
