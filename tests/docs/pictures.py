"""Takes the pictures of the documents: pages in a browser, and the dashboard's queries against a real Prometheus."""

import random
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from playwright.sync_api import Browser

from lea_demo.dynamodb_local import DynamoDBLocal
from tests.docs import drawing
from tests.monitoring import prometheus as programs
from tests.monitoring.panels import PANEL_QUERIES, without_variables
from tests.monitoring.prometheus import Job, Prometheus
from tests.support.browser import INSTALL_HINT, find_program, open_browser
from tests.support.otlp_sink import OtlpSink
from tests.support.ports import free_port
from tests.support.simulation import LOST_CARD, NAMESPACE, NO_FUNDS_CARD, SimulatedPayment, Simulation, simulate

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs" / "pictures"
CUSTOMERS = 60
ENDINGS = {"paid": 34, "declined, then paid": 8, "declined": 7, "lost card": 4, "gave up": 7}
CURRENCIES = {"sgd": 40, "usd": 12, "jpy": 8}
AMOUNTS = {"sgd": (4900, 32000), "usd": (3900, 24000), "jpy": (5000, 40000)}
STEP, WINDOW = 1.0, "15s"


def simulate_customers(simulation: Simulation) -> None:
    """Customers order one after another; some are declined, and some give up."""
    generator = random.Random(7)
    for _ in range(CUSTOMERS):
        (currency,) = generator.choices(*zip(*CURRENCIES.items(), strict=True))
        (ending,) = generator.choices(*zip(*ENDINGS.items(), strict=True))
        payment = simulation.create_payment(currency=currency, amount=generator.randint(*AMOUNTS[currency]))
        time.sleep(generator.uniform(0, 0.6))
        if ending.startswith("declined"):
            simulation.account.pay_without_waiting(payment.session_id, card=NO_FUNDS_CARD)
        if ending == "lost card":
            simulation.account.pay_without_waiting(payment.session_id, card=LOST_CARD)
        if ending == "gave up":
            simulation.account.post(f"/v1/checkout/sessions/{payment.session_id}/expire")
        if ending.endswith("paid"):
            simulation.account.pay_without_waiting(payment.session_id)
        simulation.open_page(f"/success?session_id={payment.session_id}")


def outcomes(prometheus: Prometheus, started: float) -> str:
    """Four panels of the dashboard since a time, in seconds since 1970, as one SVG."""
    now = time.time()

    def queries(title: str) -> dict[str, str]:
        whole = f"{now - started:.0f}s"
        found = [query for query in PANEL_QUERIES if query.panel == title]
        return {query.legend: without_variables(query.expr, rate=WINDOW, whole=whole) for query in found}

    sessions, reasons, money, ends = (
        "How do checkout sessions end?",
        "Which reasons?",
        "How many payments and how much money, in which currency?",
        "How many payments ended, and how?",
    )
    stages = {name: sum(one.value for one in prometheus.query(expr)) for name, expr in queries(sessions).items()}
    (of_reasons,) = queries(reasons).values()
    by_reason = {one.labels["reason"]: one.value for one in prometheus.query(of_reasons)}
    (over_time,) = queries(ends).values()
    counts, sums = (
        {(one.labels["outcome"], one.labels["currency"]): one.value for one in prometheus.query(queries(money)[legend])}
        for legend in ("payments", "amount")
    )
    table = [
        (outcome, currency.upper(), f"{counts[outcome, currency]:.0f}", f"{value:,.0f}")
        for (outcome, currency), value in sorted(sums.items())
    ]
    return drawing.page(
        [
            (sessions, drawing.bars(stages)),
            (ends, drawing.lines(prometheus.query_range(over_time, started, now, STEP))),
            (money, drawing.rows(("outcome", "currency", "payments", "amount"), table)),
            (reasons, drawing.bars(by_reason)),
        ]
    )


def take_screenshots(browser: Browser, simulation: Simulation, folder: Path) -> None:
    """Saves screenshots of the customer's pages on a phone: paying, paid, declined."""
    paid, declined, paying = (
        simulation.complete_payment(product_name="Travel insurance, Japan, 10 days"),
        simulation.create_payment(),
        simulation.create_payment(),
    )
    simulation.account.pay_without_waiting(declined.session_id, card=NO_FUNDS_CARD)
    simulation.wait_for(declined, payment_status="failed")
    for name, address in (
        ("paying", paying.link),
        ("paid", _success(simulation, paid)),
        ("declined", _success(simulation, declined)),
    ):
        page = browser.new_page(locale="en-SG", viewport={"width": 390, "height": 640})
        page.goto(address)
        page.screenshot(path=folder / f"{name}.png")
        page.close()


def _success(simulation: Simulation, payment: SimulatedPayment) -> str:
    return f"{simulation.services['pages'].url}/success?session_id={payment.session_id}"


def main() -> int:
    """Takes all pictures; returns 1 and prints what to install if a program is missing."""
    chromium = find_program()
    if programs.find_program() is None or chromium is None:
        sys.stderr.write(f"{programs.INSTALL_HINT}\n{INSTALL_HINT}\n")
        return 1
    PICTURES.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pictures-")))
        dynamodb = stack.enter_context(DynamoDBLocal(free_port(), None, ROOT / ".data" / "dynamodb-local"))
        sink = stack.enter_context(OtlpSink(free_port()))
        simulation = stack.enter_context(simulate(folder, free_port, dynamodb.endpoint, sink))
        targets = [
            (url, {"namespace": NAMESPACE, "component": service, "pod": service})
            for service, url in simulation.metrics.items()
        ]
        prometheus = stack.enter_context(Prometheus(folder, free_port(), [Job("simulation", targets)], []))
        prometheus.until(f"count(up == 1) == {len(targets)}")
        time.sleep(2 * STEP)
        started = time.time()
        simulate_customers(simulation)
        time.sleep(3 * STEP)
        (PICTURES / "outcomes.svg").write_text(outcomes(prometheus, started))
        take_screenshots(stack.enter_context(open_browser(chromium)), simulation, PICTURES)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
