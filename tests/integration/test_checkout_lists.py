"""Reads lists of payments from the checkout API, page by page."""

from collections.abc import Callable, Iterator, Sequence

import httpx
import pytest

from tests.support.checkout_api import NEXT_TOKEN, SECRETS, TOKEN, checkout_client, payment_body
from tests.support.emulator import UNREACHABLE
from tests.support.records import Records


@pytest.fixture(scope="module")
def api(start_service: Callable[..., str]) -> Iterator[httpx.Client]:
    with checkout_client(start_service("checkout", STRIPE_API_BASE=UNREACHABLE, **SECRETS)) as client:
        yield client


def _pages(api: httpx.Client, **search: str | int) -> Iterator[Sequence[str]]:
    """Yields the ids on each page, to the end of the list."""
    cursor: dict[str, str] = {}
    while True:
        body = api.get("/payments", params={**search, **cursor}).raise_for_status().json()
        yield [payment["payment_intent_id"] for payment in body["payments"]]
        if body["next_cursor"] is None:
            return
        cursor = {"cursor": body["next_cursor"]}


@pytest.mark.parametrize("field", ["user_id", "quote_id"])
@pytest.mark.parametrize(("count", "limit", "sizes"), [(7, 3, [3, 3, 1]), (6, 3, [3, 3]), (1, 1, [1]), (0, 5, [0])])
def test_pages_contain_each_payment_once(
    api: httpx.Client, records: Records, field: str, count: int, limit: int, sizes: list[int]
) -> None:
    value = f"{field}_{count}"
    ids = [records.put(**{field: value}) for _ in range(count)]

    pages = list(_pages(api, limit=limit, **{field: value}))

    assert [len(page) for page in pages] == sizes
    assert sorted(one for page in pages for one in page) == sorted(ids)


def test_without_a_limit_a_page_has_a_hundred_payments(api: httpx.Client, records: Records) -> None:
    for _ in range(130):
        records.put(user_id="user_of_many")

    assert [len(page) for page in _pages(api, user_id="user_of_many")] == [100, 30]


def test_pages_of_large_records_are_complete(api: httpx.Client, records: Records) -> None:
    """DynamoDB returns at most 1 MB per call, so one page needs several calls."""
    ids = [records.put(user_id="user_of_large", product_name="x" * 300_000) for _ in range(8)]

    pages = list(_pages(api, user_id="user_of_large", limit=5))

    assert [len(page) for page in pages] == [5, 3]
    assert sorted(one for page in pages for one in page) == sorted(ids)


@pytest.mark.parametrize(
    "odd_id", ["größe", "a b", "p" * 2048, "\N{PILE OF POO}", "{}"], ids=lambda text: ascii(text)[:20]
)
def test_an_odd_id_does_not_end_a_list(api: httpx.Client, records: Records, odd_id: str) -> None:
    user = f"user of {ascii(odd_id)[:20]}"
    for payment_id in (odd_id, f"payment_{ascii(odd_id)[:20]}"):
        records.put_item({"payment_intent_id": {"S": payment_id}, "user_id": {"S": user}})

    assert sum(len(page) for page in _pages(api, user_id=user, limit=1)) == 2


def test_a_cursor_of_another_user_is_a_400(api: httpx.Client, records: Records) -> None:
    for _ in range(2):
        records.put(user_id="user_with_a_cursor")
    cursor = api.get("/payments", params={"user_id": "user_with_a_cursor", "limit": 1}).json()["next_cursor"]

    answer = api.get("/payments", params={"user_id": "another_user", "cursor": cursor})

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_cursor")


def test_a_payment_that_appears_between_pages_is_harmless(api: httpx.Client, records: Records) -> None:
    ids = [records.put(user_id="user_who_pays") for _ in range(4)]
    pages = _pages(api, user_id="user_who_pays", limit=2)
    first = list(next(pages))
    records.put(user_id="user_who_pays")

    rest = [one for page in pages for one in page]

    assert set(ids) <= {*first, *rest}
    assert len({*first, *rest}) == len(first) + len(rest)


@pytest.fixture(scope="module")
def paying_api(start_service: Callable[..., str]) -> str:
    return start_service("checkout", STRIPE_API_BASE=start_service("stripe-emulator"), **SECRETS)


def test_callers_with_the_same_key_have_their_own_payments(paying_api: str) -> None:
    ids = []
    for token, user in ((TOKEN, "a"), (NEXT_TOKEN, "b"), (TOKEN, "a"), (NEXT_TOKEN, "b")):
        with checkout_client(paying_api, token) as api:
            body = payment_body(payment_intent_id=None, user_id=user, quote_id="quote_of_key")
            answer = api.post("/payments", json=body, headers={"Idempotency-Key": "order-1"})
        ids.append(answer.raise_for_status().json()["payment"]["payment_intent_id"])

    assert ids[:2] == ids[2:]
    assert len(set(ids)) == 2
