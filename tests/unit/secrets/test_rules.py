import re
import string

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from lea_payments.secrets.rules import (
    API_KEY,
    API_TOKEN,
    DEMO_TOKEN,
    EMULATOR_SECRET,
    SIGNING_SECRET,
    SecretError,
    SecretKind,
    is_local,
    is_loopback,
    signing_secrets_in,
    split_list,
)
from tests.support.secrets import signing_secret

SECRET, NEXT = signing_secret("current"), signing_secret("next")
KEY, TOKEN = "sk_test_4eC39HqLyjWDarjtT1zdp7dc", "d1b9f0e2c3a4d1b9f0e2c3a4"
ALPHANUMERIC = string.ascii_letters + string.digits
PLACEHOLDERS = (
    "null",
    "NULL",
    "none",
    "x",
    "xxx",
    "<no value>",
    "<your secret>",
    "changeme",
    "change-me",
    "todo",
    "0000",
)
DAMAGES = {
    '"{}"': "has quotation marks",
    "'{}'": "has quotation marks",
    "#{}": "is a comment",
    "# {}": "is a comment",
    "// {}": "has a space inside",
    "NAME={}": "has a name in front of it",
    "export NAME={}": "has a name in front of it",
    "name: {}": "has a name in front of it",
    '{{"name": "{}"}}': "is JSON",
    "[{}]": "is JSON",
    "<html>{}": "is HTML or a placeholder",
    "\ufeff{}": "starts with a byte order mark",
    "{}…": "is a placeholder",
    "{}\u200b": "has characters that are not ASCII",
    "{}\u212a": "has characters that are not ASCII",
    "{}\x07": "has characters that are not ASCII",
    "{0} {0}": "has a space inside",
    "{}\x00": "is UTF-16 and not UTF-8",
}
"""What each kind of secret rejects. The Kelvin sign looks like a letter to a pattern that ignores case."""


@pytest.mark.parametrize(
    "secret",
    [
        pytest.param("whsec_wRNftLajMZNeslQOP6vEPm4iVx5NlZ6z", id="example in Stripe's API reference"),
        pytest.param("whsec_oZ8nus9PHnoltEtWZ3pGITZdeHWHoqnL", id="example of `stripe listen`"),
        pytest.param(SECRET, id="today's `stripe listen`, 64 characters"),
        pytest.param("whsec_" + "aB3" * 60, id="longer than any that Stripe has now"),
    ],
)
def test_a_signing_secret_of_stripes_form_is_valid(secret: str) -> None:
    assert SIGNING_SECRET.problem([secret], is_local=False) == ""


@given(st.text(ALPHANUMERIC, min_size=32, max_size=64))
def test_random_letters_and_digits_are_a_signing_secret(text: str) -> None:
    assume(not any(word in text.lower() for word in ("placeholder", "example", "changeme", "replaceme", "your")))
    assume(set(text.lower()) not in ({"x"}, {"0"}))

    assert not SIGNING_SECRET.problem([f"whsec_{text}"], is_local=False)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize(
    ("kind", "secret"), [(SIGNING_SECRET, SECRET), (API_TOKEN, TOKEN), (API_KEY, KEY)], ids=["secret", "token", "key"]
)
def test_a_damaged_secret_has_its_problem(kind: SecretKind, secret: str, damage: str) -> None:
    damaged = damage.format(secret)

    assert kind.problem([damaged], is_local=False) == f"it {DAMAGES[damage]}"
    assert kind.problem([damaged], is_local=True) == f"it {DAMAGES[damage]}"


@pytest.mark.parametrize("placeholder", PLACEHOLDERS)
@pytest.mark.parametrize("prefix", ["", "whsec_", "sk_test_", "rk_live_"])
@pytest.mark.parametrize("kind", [SIGNING_SECRET, API_TOKEN, API_KEY], ids=["secret", "token", "key"])
def test_a_placeholder_is_no_secret(kind: SecretKind, prefix: str, placeholder: str) -> None:
    problem = kind.problem([prefix + placeholder], is_local=True)

    assert "is a placeholder" in problem or "HTML or a placeholder" in problem or "has characters" in problem


@pytest.mark.parametrize(
    ("secret", "problem"),
    [
        ("", "does not start with whsec_"),
        ("WHSEC_" + SECRET[6:], "does not start with whsec_"),
        ("we_1Mr5jULkdIwHu7ix1ibLTM0x", "does not start with whsec_"),
        (KEY, "is an API key and not a signing secret"),
        (SECRET[:37], "is incomplete: it has fewer than 32 characters after whsec_"),
        ("whsec_", "is incomplete: it has fewer than 32 characters after whsec_"),
        (SECRET + NEXT, "has characters other than letters and digits after whsec_"),
        ("whsec_" + "x" * 32, "is a placeholder"),
        ("whsec_your_webhook_signing_secret_here", "is a placeholder"),
    ],
)
def test_what_is_not_a_signing_secret(secret: str, problem: str) -> None:
    assert SIGNING_SECRET.problem([secret], is_local=True) == f"it {problem}"


@given(st.text(ALPHANUMERIC + "+/-_", min_size=32, max_size=64))
@example("//" + "aB3+" * 8)
@example("--" + "aB3_" * 8)
def test_random_base64_is_a_token(text: str) -> None:
    assume(not any(word in text.lower() for word in ("placeholder", "example", "your")))
    assume(re.search("(change|replace)[-_]?me", text, re.IGNORECASE) is None)
    assume(len({*text.lower()}) > 1)
    assume(re.match("(whsec|[srp]k_(test|live))_", text) is None)

    assert not API_TOKEN.problem([text], is_local=False)


@pytest.mark.parametrize(
    ("token", "problem"),
    [
        (TOKEN, ""),
        ("aGVsbG8td29ybGQ+L34=", ""),
        ("token-of-today._~", ""),
        ("fifteen-letters", "it has fewer than 16 characters and can be guessed"),
        ("sixteen-letters!", "it has characters that a bearer token cannot have"),
        (SECRET, "it is a secret of Stripe and not a token of your own"),
        (KEY, "it is a secret of Stripe and not a token of your own"),
    ],
)
def test_a_token_is_long_and_fits_into_a_header(token: str, problem: str) -> None:
    assert API_TOKEN.problem([token], is_local=True) == problem


@pytest.mark.parametrize(
    ("key", "problem", "local_problem"),
    [
        (KEY, "", ""),
        ("rk_live_51Mr5jULkdIwHu7ix1ibLTM0x", "", ""),
        ("sk_test_emulator", "it is incomplete: it has fewer than 16 characters after the mode", ""),
        ("sk_test_", *["it has characters other than letters and digits"] * 2),
        ("sk_test_a.b", *["it has characters other than letters and digits"] * 2),
        ("pk_test_1", *["it is a publishable key and not a secret one"] * 2),
        (SECRET, *["it is a signing secret and not an API key"] * 2),
        ("", *["it does not start with sk_test_, rk_test_, sk_live_ or rk_live_"] * 2),
        ("SK_TEST_1", *["it does not start with sk_test_, rk_test_, sk_live_ or rk_live_"] * 2),
    ],
)
def test_a_short_key_is_for_local_endpoints_only(key: str, problem: str, local_problem: str) -> None:
    assert API_KEY.problem([key], is_local=False) == problem
    assert API_KEY.problem([key], is_local=True) == local_problem


@pytest.mark.parametrize(("kind", "secret"), [(SIGNING_SECRET, EMULATOR_SECRET), (API_TOKEN, DEMO_TOKEN)])
def test_published_secrets_are_for_local_endpoints_only(kind: SecretKind, secret: str) -> None:
    assert not kind.problem([secret], is_local=True)
    assert "everybody knows it" in kind.problem([secret], is_local=False)


def test_the_first_invalid_secret_of_several_is_named() -> None:
    problem = SIGNING_SECRET.problem([SECRET, f'"{NEXT}"', "x"], is_local=False)

    assert problem == "number 2 of 3 has quotation marks"


@pytest.mark.parametrize(
    ("text", "items"), [("", ()), (" , \n", ()), ("a", ("a",)), ("a,b", ("a", "b")), (" b \n\na ,", ("b", "a"))]
)
def test_a_list_is_split_at_commas_and_line_ends(text: str, items: tuple[str, ...]) -> None:
    assert split_list(text) == items


@pytest.mark.parametrize(
    "text", [SECRET, f"{SECRET}\n", f" {SECRET}\t\r\n", f"\n\n{SECRET},"], ids=["bare", "line", "spaces", "blank lines"]
)
def test_white_space_around_a_secret_is_ignored(text: str) -> None:
    assert signing_secrets_in(text.encode(), is_local=False) == (SECRET,)


@pytest.mark.parametrize("separator", ["\n", "\r\n", ",", ", ", ",\n"])
def test_a_file_has_several_secrets_in_order(separator: str) -> None:
    assert signing_secrets_in(f"{NEXT}{separator}{SECRET}".encode(), is_local=False) == (NEXT, SECRET)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param(b"", "it has no secret", id="empty"),
        pytest.param(b" \n,\r\n", "it has no secret", id="blank"),
        pytest.param(SECRET.encode("utf-16"), "it is not text in UTF-8", id="UTF-16"),
        pytest.param(SECRET.encode("utf-16-le"), "it is UTF-16 and not UTF-8", id="UTF-16 without a mark"),
        pytest.param(SECRET.encode("utf-8-sig"), "it starts with a byte order mark", id="byte order mark"),
        pytest.param(f"# ours\n{SECRET}".encode(), "number 1 of 2 is a comment", id="comment"),
        pytest.param(f"{SECRET}\n<!DOCTYPE html>".encode(), "number 2 of 2 is HTML or a placeholder", id="HTML"),
        pytest.param(
            f"{NEXT}\n{SECRET[:50]}".encode(),
            "number 2 of 2 is only the beginning of a secret that is in use",
            id="cut",
        ),
        pytest.param(
            f"{NEXT[:50]},{NEXT}".encode(),
            "number 1 of 2 is only the beginning of a secret that is in use",
            id="cut copy",
        ),
    ],
)
def test_one_bad_entry_makes_a_file_invalid(content: bytes, problem: str) -> None:
    with pytest.raises(SecretError) as error_info:
        signing_secrets_in(content, is_local=False, in_use=(SECRET,))

    assert str(error_info.value) == problem


@given(st.one_of(st.text(), st.binary().map(lambda content: content.decode("latin-1"))))
def test_a_problem_never_shows_the_text(text: str) -> None:
    secret = f"{text}-Kanarienvogel-{text}"

    for kind in (SIGNING_SECRET, API_TOKEN, API_KEY):
        assert "Kanarienvogel" not in kind.problem([secret], is_local=False)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://localhost:8000", True),
        ("http://127.0.0.1:8000", True),
        ("http://[::1]:8087", True),
        ("http://dynamodb:8000", True),
        ("http://payments-dynamodb.shop.svc:8000", True),
        ("http://payments-dynamodb.shop.svc.cluster.local:8000", True),
        ("http://host.docker.internal:8000", True),
        ("", False),
        ("http://", False),
        ("http://[::1", False),
        ("https://api.stripe.com", False),
        ("https://dynamodb.ap-southeast-1.amazonaws.com", False),
        ("http://10.0.0.7:8000", False),
        ("http://localhost.attacker.example", False),
        ("http://localhost@api.stripe.com", False),
    ],
)
def test_an_endpoint_is_local_or_in_the_cluster(url: str, *, expected: bool) -> None:
    assert is_local(url) is expected


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("::", False), ("10.0.0.7", False), ("example", False)],
)
def test_a_loopback_address_is_this_machine(host: str, *, expected: bool) -> None:
    assert is_loopback(host) is expected
