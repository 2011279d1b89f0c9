from lea_payments.store.errors import ConflictError, TemporaryError, UnavailableError


def test_one_failed_try_is_an_unavailable_table() -> None:
    assert issubclass(TemporaryError, UnavailableError)
    assert not issubclass(ConflictError, UnavailableError)
