import pytest

from lea_payments.notifications.endpoints import EVENT_TYPES, Endpoint, endpoints, secrets, subscribers
from lea_payments.secrets.rules import SecretError

URL = "https://crm.example/hooks?key=1"
SECRET = "whsec_" + "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
OTHER = "whsec_" + "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA"


def test_one_endpoint_needs_no_name() -> None:
    assert endpoints(URL, "", allow_http=False) == (Endpoint("default", URL),)


def test_several_endpoints_have_names_and_filters() -> None:
    crm, audit = endpoints(
        f"crm={URL}, audit=https://[2001:db8::1]:8443/",
        "crm=payment.completed|payment.failed,crm=payment.expired",
        allow_http=False,
    )

    assert (crm.name, sorted(crm.types)) == ("crm", ["payment.completed", "payment.expired", "payment.failed"])
    assert (audit.name, sorted(audit.types)) == ("audit", sorted(EVENT_TYPES))


def test_a_filter_without_a_name_is_that_of_all_endpoints() -> None:
    crm, audit = endpoints(
        f"crm={URL},audit={URL}", "payment.completed,payment.failed,audit=payment.expired", allow_http=False
    )

    assert sorted(crm.types) == ["payment.completed", "payment.failed"]
    assert sorted(audit.types) == ["payment.expired"]
    assert [one.name for one in subscribers((crm, audit), "payment.expired")] == ["audit"]


@pytest.mark.parametrize(
    "url",
    [
        *(
            "ftp://crm.example",
            "//crm.example",
            "crm.example/hooks",
            "https://",
            "https:///hooks",
            "file:///etc/passwd",
        ),
        *("https://user@crm.example", "https://user:word@crm.example", "https://:@crm.example", "https://@crm.example"),
        *("https://crm.example/#part", "https://crm.example/#", "https://crm.example:0/", "https://crm.example:x/"),
        *("https://crm.example:99999/", "https://crm.example/a b", "https://crm.example\\@other.example/"),
        *("https://crm.exämple/", "https://[::1/", "https://169.254.169.254/", "https://[fe80::1]/"),
        *("https://[fe80::1%25eth0]/", "http://crm.example/", "https:crm.example"),
    ],
)
def test_an_unsafe_url_is_refused_and_not_quoted(url: str) -> None:
    with pytest.raises(ValueError, match="NOTIFY_URL") as refused:
        endpoints(f"crm={url}", "", allow_http=False)

    assert url not in str(refused.value)


def test_http_is_only_for_development() -> None:
    assert endpoints("http://localhost:9000/", "", allow_http=True)[0].url == "http://localhost:9000/"
    with pytest.raises(ValueError, match="NOTIFY_ALLOW_HTTP=true in development only"):
        endpoints("http://localhost:9000/", "", allow_http=False)


@pytest.mark.parametrize(
    ("urls", "events", "problem"),
    [
        ("", "", "NOTIFY_URL is missing"),
        (f"{URL},{URL}", "", "two endpoints have the name default"),
        (f"crm={URL},crm={URL}", "", "two endpoints have the name crm"),
        (f"CRM={URL}", "", "number 1 has no valid name"),
        (",".join(f"e{number}={URL}" for number in range(11)), "", "more than 10 endpoints"),
        (URL, "payment.paid", "'payment.paid' is not a type"),
        (URL, "crm=payment.completed", "NOTIFY_URL has no endpoint crm"),
    ],
)
def test_wrong_settings_say_what_to_do(urls: str, events: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        endpoints(urls, events, allow_http=False)


def test_the_secrets_of_one_endpoint_need_no_name() -> None:
    assert secrets(f"{SECRET},{OTHER}", ["crm"]) == {"crm": [SECRET, OTHER]}


def test_the_secrets_of_several_endpoints_have_names() -> None:
    found = secrets(f"crm={SECRET}\naudit={OTHER}\ncrm={OTHER}\n", ["crm", "audit"])

    assert found == {"crm": [SECRET, OTHER], "audit": [OTHER]}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f"crm={SECRET}", "endpoint audit has no secret"),
        (f"{SECRET}", "number 1 names no endpoint"),
        (f"crm={SECRET},other={SECRET}", "number 2 names no endpoint"),
        (f"crm={SECRET},audit=whsec_short", "number 2 names no endpoint|incomplete"),
        (",".join([f"crm={SECRET}"] * 5 + [f"audit={SECRET}"]), "more than 4 secrets"),
        (f"crm={SECRET},audit=whsec_{'%' * 40}", "not base64"),
        (f"crm={SECRET},audit=whsec_{'A' * 33}", "cut off"),
        (f"crm={SECRET},audit=whsec_{'A' * 92}", "more than 64 bytes"),
    ],
)
def test_wrong_secrets_are_refused_and_not_quoted(text: str, problem: str) -> None:
    with pytest.raises(SecretError, match=problem) as refused:
        secrets(text, ["crm", "audit"])

    assert "whsec_" not in str(refused.value).replace("after whsec_", "").replace("name=whsec_…", "")
