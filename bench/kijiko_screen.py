"""From a payment to the shop's screen: two phones in one Chromium, by the browser's own clock.

The broker is a process of its own; the pages are served by uvicorn in this one. A citizen confirms
a payment of an amount that only this payment has. It counts from the press of the button, and from
the first byte of the answer, until the page of the shop has painted the line.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from playwright.async_api import Page, Response, expect

from apps.kijiko.codes.link import link
from apps.kijiko.codes.merchant import payload
from bench.figures import Figure, Target
from bench.rates import Say
from bench.requests import RequestFailed
from tests.e2e.test_paying import Street, street
from tests.support.browser import chromium
from tests.support.server import broker

PAYMENTS = 30
FIRST = 101
"""The first amount; each payment is of one yen more."""
PATIENCE = 60_000
SECOND = Target(1000.0, at_least=False, worst=True)
NOTE_LINES = """() => {
  window.seen = {};
  new MutationObserver((changes) => {
    for (const line of changes.flatMap((one) => [...one.addedNodes])) {
      const amount = line.querySelector(".amount").textContent;
      requestAnimationFrame(() => {
        const painted = new MessageChannel();
        painted.port1.onmessage = () => {
          window.seen[amount] = performance.timeOrigin + performance.now();
        };
        painted.port2.postMessage(0);
      });
    }
  }).observe(document.getElementById("incoming"), { childList: true });
}"""
"""Notes when a payment's line was painted: the first task after the frame that draws it."""
WHEN_PAINTED = """async (amount) => {
  while (!(amount in window.seen)) await new Promise((done) => setTimeout(done, 20));
  return window.seen[amount];
}"""
NOTE_PRESS = """() => document.querySelector("button.main").addEventListener("click", () => {
  sessionStorage.pressed = performance.timeOrigin + performance.now();
})"""


def measure_kijiko_screen(folder: Path, say: Say) -> list[Figure]:
    """Return the milliseconds of each payment until the shop's screen shows it."""
    server = broker(folder / "data", folder / "broker.log", None, "--pinned-context")
    with server:
        return asyncio.run(_measure(server.url, say))


async def _measure(url: str, say: Say) -> list[Figure]:
    pressed = Figure("kijiko: Pay pressed to the shop's screen", "ms")
    answered = Figure("kijiko: a payment's answer to the shop's screen", "ms", SECOND)
    async with chromium(whole=True) as browser, street(url, browser) as place:
        [shop] = await place.town.site.shops.all()
        till = await place.phone(place.shop, "/shop?lang=en")
        await expect(till.locator("#live")).not_to_be_empty(timeout=PATIENCE)
        await till.evaluate(NOTE_LINES)
        path = link("", payload(shop.plate)) + "&lang=en"
        for amount in range(FIRST, FIRST + PAYMENTS):
            press, answer = await _pay(place, path, amount)
            painted = await _painted(till, f"+{amount:,} yen")
            pressed.values.append(painted - press)
            answered.values.append(painted - answer)
    say(f"{PAYMENTS} payments showed on the shop's screen")
    return [answered, Figure(f"{answered.name}, p99", "ms", values=[_p99(answered)]), pressed]


async def _pay(place: Street, path: str, amount: int) -> tuple[float, float]:
    """Pay; return when the button was pressed, and when the first byte of the answer came."""
    phone = await place.phone(place.citizen, path)
    await phone.locator("#amount").fill(str(amount))
    await phone.evaluate(NOTE_PRESS)

    def confirmed(answer: Response) -> bool:
        return answer.request.method == "POST"

    async with phone.expect_response(confirmed) as found:
        await phone.locator("button.main").click()
    answer = await found.value
    if answer.status != 303:
        raise RequestFailed(f"kijiko screen: a payment was answered {answer.status}")
    await phone.locator(".receipt").wait_for()
    timing = answer.request.timing
    press = float(await phone.evaluate("sessionStorage.pressed"))
    await phone.close()
    return press, timing["startTime"] + timing["responseStart"]


async def _painted(till: Page, amount: str) -> float:
    async with asyncio.timeout(PATIENCE / 1000):
        return float(await till.evaluate(WHEN_PAINTED, amount))


def _p99(figure: Figure) -> float:
    ordered = sorted(figure.values)
    return ordered[min(len(ordered) - 1, round(0.99 * len(ordered)))]
