"""Personal data and secrets that the attacks plant; none of them may appear in any output."""

from collections.abc import Iterator, Mapping, Sequence

EMAIL = "seidenschwanz@mail.example"
NAME = "Rohrdommel"
PHONE = "+6587654321"
PERSON = {"email": EMAIL, "name": NAME, "phone": PHONE, "address": {"line1": f"Care of {NAME}", "country": "SG"}}

SECRET = "whsec_Blaukehlchen7Pirol3Wendehals9Zilpzalp"
API_KEY = "sk_test_51Mauersegler7Wiedehopf3Bienenfresser9"
TOKEN = "token-Ziegenmelker7Haubentaucher3Kranich"
WRONG_TOKEN = "token-Wachtelkoenig7Eisvogel3Neuntoeter"
SECRETS = (SECRET, API_KEY, TOKEN, WRONG_TOKEN)

NEEDLES: Sequence[str] = (
    *("seidenschwanz", "rohrdommel", "6587654321"),
    *("blaukehlchen", "mauersegler", "ziegenmelker", "wachtelkoenig"),
)
"""A part of each value, in lower case, that no escaping changes."""

HEADERS: Mapping[str, str] = {"Cookie": f"email={EMAIL}", "User-Agent": NAME, "X-Forwarded-For": PHONE}
"""What a stranger sends with a request."""


def leaks(outputs: Mapping[str, str]) -> Iterator[str]:
    """Yields one sentence for each output that contains a planted value."""
    for source, text in outputs.items():
        lowered = text.lower()
        for needle in NEEDLES:
            if (place := lowered.find(needle)) >= 0:
                yield f"{source} contains {needle!r}: …{text[max(0, place - 120) : place + 40]!r}…"
