from lea_payments.store.errors import ConflictError, UnavailableError, UnreachableError


def test_an_unreachable_table_is_an_unavailable_one() -> None:
    assert issubclass(UnreachableError, UnavailableError)


def test_a_conflict_is_not_an_outage() -> None:
    assert not issubclass(ConflictError, UnavailableError)
