"""Sends signed events at a steady rate from a pod and retries like Stripe, with growing pauses, until a 200.

It uses only the standard library, because it runs in the service's image. It prints its counts as one JSON line.
"""

import hashlib
import hmac
import http.client
import json
import sys
import threading
import time

HOST, SECRET, PREFIX = sys.argv[1], sys.argv[2], sys.argv[3]
COUNT, RATE = int(sys.argv[4]), float(sys.argv[5])
FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS, GIVE_UP_SECONDS = 1.0, 16.0, 180.0
results: list[list[tuple[str, float]]] = []
lock = threading.Lock()


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


def send(body: bytes) -> tuple[str, float]:
    moment = int(time.time())
    signature = hmac.new(SECRET.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    started = time.monotonic()
    connection = http.client.HTTPConnection(HOST, timeout=10)
    try:
        connection.connect()
        started = time.monotonic()
        connection.request("POST", "/webhook/stripe", body, {"Stripe-Signature": f"t={moment},v1={signature}"})
        answer = connection.getresponse()
        answer.read()
        return str(answer.status), time.monotonic() - started
    except OSError as error:
        return type(error).__name__, time.monotonic() - started
    finally:
        connection.close()


def deliver(number: int) -> None:
    body = body_of(number)
    tries: list[tuple[str, float]] = []
    deadline = time.monotonic() + GIVE_UP_SECONDS
    pause = FIRST_RETRY_SECONDS
    while not tries or (tries[-1][0] != "200" and time.monotonic() < deadline):
        if tries:
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_RETRY_SECONDS)
        tries.append(send(body))
    with lock:
        results.append(tries)


threads = []
for number in range(COUNT):
    threads.append(threading.Thread(target=deliver, args=(number,)))
    threads[-1].start()
    time.sleep(1 / RATE)
for thread in threads:
    thread.join()
tries = [one for delivery in results for one in delivery]
refusals = [seconds for answer, seconds in tries if answer == "503"]
sys.stdout.write(
    json.dumps(
        {
            "events": len(results),
            "answered": sum(delivery[-1][0] == "200" for delivery in results),
            "requests": len(tries),
            "by_answer": {name: sum(one[0] == name for one in tries) for name in {one[0] for one in tries}},
            "refused_within_7_s": sum(seconds <= 7 for seconds in refusals),
            "slowest_503": max(refusals, default=0.0),
        }
    )
)
