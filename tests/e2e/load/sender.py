"""Sends signed events at a steady rate from a pod and retries like Stripe, with growing pauses, until a 200.

It uses only the standard library, because it runs in the service's image. It prints its counts as one JSON line.
"""

import hashlib
import hmac
import http.client
import json
import queue
import select
import sys
import threading
import time

HOST, SECRET, PREFIX = sys.argv[1], sys.argv[2], sys.argv[3]
COUNT, RATE, CLIENTS = int(sys.argv[4]), float(sys.argv[5]), sys.argv[6].split(",")
"""CLIENTS take turns: `new` opens a connection for each request. The others keep connections, as proxies do: `careful`
looks whether the server has closed it before it writes, and `careless` does not."""

FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS, GIVE_UP_SECONDS = 1.0, 16.0, 180.0
KEPT_CONNECTIONS = 8
"""Of each client. They take turns, so that each is used about twice a second."""

results: list[tuple[str, list[tuple[str, float]]]] = []
lock = threading.Lock()
pools: dict[str, queue.Queue[http.client.HTTPConnection]] = {name: queue.Queue() for name in CLIENTS}
for pool in pools.values():
    for _ in range(KEPT_CONNECTIONS):
        pool.put(http.client.HTTPConnection(HOST, timeout=10))


def body_of(number: int) -> bytes:
    session = {
        "id": f"cs_test_{PREFIX}{number}",
        "object": "checkout.session",
        "amount_total": 4999,
        "currency": "sgd",
        "client_reference_id": f"{PREFIX}_{number}",
        "payment_intent": f"pi_{PREFIX}{number}",
        "payment_status": "paid",
    }
    event = {"id": f"evt_{PREFIX}{number}", "object": "event", "type": "checkout.session.completed"}
    return json.dumps({**event, "created": int(time.time()), "livemode": False, "data": {"object": session}}).encode()


def is_closed(connection: http.client.HTTPConnection) -> bool:
    """Whether the server has closed the connection: nothing but the end can arrive before a request."""
    return connection.sock is not None and bool(select.select([connection.sock], [], [], 0)[0])


def send(client: str, connection: http.client.HTTPConnection, body: bytes) -> tuple[str, float]:
    if client == "new" or (client == "careful" and is_closed(connection)):
        connection.close()
    moment = int(time.time())
    signature = hmac.new(SECRET.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    started = time.monotonic()
    try:
        if connection.sock is None:
            connection.connect()
            started = time.monotonic()
        connection.request("POST", "/webhook/stripe", body, {"Stripe-Signature": f"t={moment},v1={signature}"})
        answer = connection.getresponse()
        answer.read()
        return str(answer.status), time.monotonic() - started
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        return type(error).__name__, time.monotonic() - started


def deliver(number: int) -> None:
    body, client = body_of(number), CLIENTS[number % len(CLIENTS)]
    tries: list[tuple[str, float]] = []
    deadline = time.monotonic() + GIVE_UP_SECONDS
    pause = FIRST_RETRY_SECONDS
    while not tries or (tries[-1][0] != "200" and time.monotonic() < deadline):
        if tries:
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_RETRY_SECONDS)
        connection = pools[client].get()
        tries.append(send(client, connection, body))
        pools[client].put(connection)
    with lock:
        results.append((client, tries))


threads = []
for number in range(COUNT):
    threads.append(threading.Thread(target=deliver, args=(number,)))
    threads[-1].start()
    time.sleep(1 / RATE)
for thread in threads:
    thread.join()
tries = [one for _, delivery in results for one in delivery]
refusals = [seconds for answer, seconds in tries if answer == "503"]
first_tries: dict[str, dict[str, int]] = {client: {} for client in CLIENTS}
for client, delivery in results:
    first = delivery[0][0]
    first_tries[client][first] = first_tries[client].get(first, 0) + 1
sys.stdout.write(
    json.dumps(
        {
            "events": len(results),
            "answered": sum(delivery[-1][0] == "200" for _, delivery in results),
            "requests": len(tries),
            "by_answer": {name: sum(one[0] == name for one in tries) for name in {one[0] for one in tries}},
            "first_tries": first_tries,
            "refused_within_7_s": sum(seconds <= 7 for seconds in refusals),
            "slowest_503": max(refusals, default=0.0),
        }
    )
)
