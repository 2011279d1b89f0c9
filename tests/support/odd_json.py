"""Generates JSON that Stripe could send by mistake: any value, and sessions and errors with odd fields."""

from typing import Any

from hypothesis import strategies as st

SESSION = {
    "id": "cs_1",
    "object": "checkout.session",
    "status": "open",
    "url": "https://checkout.stripe.com/c/pay/cs_1#fid",
    "expires_at": 1767308400,
}
URLS = (
    *(
        "",
        "javascript:alert(1)",
        "JAVASCRIPT:alert(1)",
        "java\nscript:alert(1)",
        "data:text/html,x",
        "http://a.example",
    ),
    *(
        "//a.example",
        "/c/pay",
        "https://",
        "https:///x",
        "https:a.example",
        "https://a.example\n",
        " https://a.example",
    ),
    *(
        "https://user@a.example",
        "https://a.example\\@b.example",
        "https://\N{CYRILLIC SMALL LETTER A}.example/",
        "ftp://a",
    ),
    *(
        "https://a.example/\N{RIGHT-TO-LEFT OVERRIDE}",
        "https://a.example:port/",
        "HTTPS://a.example/x",
        "https://a.example/x y",
    ),
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=6,
)


def _odd(values: st.SearchStrategy[Any], **fields: Any) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with these fields, of which some are missing or have other values."""
    choices = {name: st.just(value) | values for name, value in fields.items()}
    return st.fixed_dictionaries({}, optional=choices) | st.fixed_dictionaries(choices)


SESSIONS = _odd(VALUES | st.sampled_from(URLS) | st.sampled_from(["open", "complete", "expired", "list"]), **SESSION)
ERRORS = _odd(
    VALUES | st.sampled_from(["resource_missing", "amount_too_small", "rate_limit", "idempotency_error"]),
    type="invalid_request_error",
    code="parameter_invalid",
    message="odd",
    param="odd",
)
RESPONSES = VALUES | SESSIONS | st.builds(lambda error: {"error": error}, ERRORS | VALUES)
"""The bodies of responses, before they are written as JSON."""
