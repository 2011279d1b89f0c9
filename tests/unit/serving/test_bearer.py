import pytest

from lea_payments.serving.bearer import index_of_token


@pytest.mark.parametrize(
    ("authorization", "index"),
    [
        *(("Bearer first", 0), ("bearer second", 1), ("BEARER  second ", 1)),
        *(("Bearer third", None), ("Bearer", None), ("Basic first", None), ("first", None), ("", None)),
    ],
)
def test_a_token_is_found_in_its_header(authorization: str, index: int | None) -> None:
    assert index_of_token(authorization, ["first", "second"]) == index
