import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lea_payments.checkout.input.strict_json import NotStrictJsonError, check

BODY = '{"name": "Reise", "amount": 1}'


def test_json_in_utf_8_is_unchanged() -> None:
    assert check(BODY.encode()) == BODY.encode()


def test_a_byte_order_mark_is_removed() -> None:
    assert check(BODY.encode("utf-8-sig")) == BODY.encode()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
def test_json_in_another_encoding_is_rejected(encoding: str) -> None:
    with pytest.raises(NotStrictJsonError, match="in UTF-8"):
        check(BODY.encode(encoding))


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ('{"amount": 1, "amount": 2}', "amount"),
        (r'{"amount": 1, "\u0061mount": 2}', "amount"),
        ('{"amount": 1, "amount": 1}', "amount"),
        ('{"a": {"b": 1, "b": 2}}', "b"),
        ('[{"": 1, "": 2}]', ""),
    ],
)
def test_a_field_that_occurs_twice_is_named(body: str, field: str) -> None:
    with pytest.raises(NotStrictJsonError) as error:
        check(body.encode())

    assert error.value.field == field


@pytest.mark.parametrize("body", ["{", "NaN", "[-Infinity]", "[" * 16000, "9" * 5000, "{} {}", "'a'", "{'a': 1}"])
def test_other_text_is_rejected(body: str) -> None:
    with pytest.raises(NotStrictJsonError):
        check(body.encode())


@given(st.dictionaries(st.text(), st.none() | st.integers() | st.text()))
def test_every_json_object_is_accepted(value: dict[str, object]) -> None:
    for escape in (True, False):
        body = json.dumps(value, ensure_ascii=escape).encode()
        assert check(body) == body


@given(st.binary(max_size=40))
def test_any_bytes_are_json_or_rejected(body: bytes) -> None:
    try:
        checked = check(body)
    except NotStrictJsonError:
        return
    json.loads(checked.decode("utf-8"))
