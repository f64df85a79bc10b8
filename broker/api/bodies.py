"""How much the bodies of all requests may take together, over all connections."""

from __future__ import annotations

from broker.api.request import Request
from broker.errors import ServiceUnavailable


class Bodies:
    """Counts the bytes of bodies from their arrival to their answer; never more than `most`."""

    __slots__ = ("held", "most")

    def __init__(self, most: int) -> None:
        self.most = most
        self.held = 0

    def take(self, request: Request, size: int) -> bool:
        """Count `size` bytes more for a request; False where there is no room for them."""
        held = self.held + size
        if held > self.most:
            return False
        self.held = held
        request.weight += size
        return True

    def give_back(self, request: Request) -> None:
        """Count a request's body no longer."""
        self.held -= request.weight
        request.weight = 0


def crowded() -> ServiceUnavailable:
    """Return the error for a body there is no room for."""
    return ServiceUnavailable(
        "The broker is holding as many request bodies as it can.",
        place="body:",
        remedy="Try again in some seconds, or send less at once.",
    )
