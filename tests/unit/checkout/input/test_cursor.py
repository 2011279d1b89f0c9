import pytest
from hypothesis import given
from hypothesis import strategies as st

from lea_payments.checkout.errors import RefusalError
from lea_payments.checkout.input.cursor import cursor_after, position_of


@given(st.text(min_size=1), st.text())
def test_a_cursor_leads_back_to_its_payment(payment_id: str, user_id: str) -> None:
    assert position_of(cursor_after(payment_id, "user_id", user_id), "user_id", user_id) == payment_id


CURSOR = cursor_after("payment_1", "user_id", "user_1")


@pytest.mark.parametrize(("field", "value"), [("user_id", "user_2"), ("quote_id", "user_1")])
def test_a_cursor_of_another_list_is_rejected(field: str, value: str) -> None:
    with pytest.raises(RefusalError, match="with the same user_id or quote_id"):
        position_of(CURSOR, field, value)


@given(st.text() | st.builds(lambda cut: CURSOR[:cut], st.integers(0, len(CURSOR) - 1)))
def test_any_other_text_is_an_invalid_cursor(text: str) -> None:
    with pytest.raises(RefusalError) as error:
        position_of(text, "user_id", "user_1")

    assert (error.value.code, error.value.param) == ("invalid_cursor", "cursor")


@pytest.mark.parametrize("changed", [f"{CURSOR}=", f"{CURSOR}\n", CURSOR.swapcase(), f" {CURSOR}"], ids=ascii)
def test_a_changed_cursor_is_rejected(changed: str) -> None:
    with pytest.raises(RefusalError):
        position_of(changed, "user_id", "user_1")
