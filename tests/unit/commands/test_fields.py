"""The fields of Stripe's objects that commands show."""

import pytest

from lea_payments.commands.at_stripe.fields import decoded, has_odd_status, shown


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'{"id": 1}', b'{"object": "refund"}', b"[" * 100_000])
def test_what_is_no_object_with_an_id_is_not_decoded(raw: bytes) -> None:
    assert decoded(raw) is None


def test_an_object_is_decoded() -> None:
    assert decoded(b'{"id": "re_1", "amount": 5}') == {"id": "re_1", "amount": 5}


def test_personal_and_odd_fields_are_not_shown() -> None:
    refund = {"id": "re_1", "status": "to mei@example.com", "amount": "5", "created": 0, "receipt_email": "a@b.example"}

    assert set(shown("refund", refund)) == {"object", "id", "created"}


@pytest.mark.parametrize(("status", "odd"), [("open", False), (None, False), ("an odd one", True), (7, True)])
def test_a_status_that_is_no_code_is_odd(status: object, *, odd: bool) -> None:
    assert has_odd_status({"status": status}) is odd
