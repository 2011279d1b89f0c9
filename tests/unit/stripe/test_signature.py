import hmac
from random import Random

import pytest
import stripe

from lea_payments.stripe.errors import InvalidSignatureError
from lea_payments.stripe.signature import SIGNATURE_LIMIT, SIGNATURE_REASONS, TOLERANCE_SECONDS, verify
from tests.support.examples import examples
from tests.support.stripe_bodies import SECRET, sign

NOW = 1_800_000_000
BODY = b'{"id": "evt_1"}'
SIGNED = sign(BODY, at=NOW)
OLD, FUTURE = NOW - TOLERANCE_SECONDS - 1, NOW + TOLERANCE_SECONDS + 1


def _reason(body: bytes, header: str | None, *secrets: str) -> str:
    with pytest.raises(InvalidSignatureError) as error_info:
        verify(body, header, secrets=secrets or (SECRET,), now=NOW)
    return error_info.value.reason


def test_the_official_packages_signature_is_accepted() -> None:
    assert verify(BODY, SIGNED, secrets=(SECRET,), now=NOW) == (0, NOW)


@pytest.mark.parametrize(
    ("body", "header", "reason"),
    [
        pytest.param(BODY, None, "no_header", id="no header"),
        pytest.param(BODY, "", "no_header", id="empty header"),
        pytest.param(BODY, "garbage", "no_timestamp", id="garbage"),
        pytest.param(BODY, "t,v1", "no_timestamp", id="no values"),
        pytest.param(BODY, "t=soon,v1=00", "no_timestamp", id="not a number"),
        pytest.param(BODY, f"t={'9' * 5000},v1=00", "no_timestamp", id="endless number"),
        pytest.param(BODY, f"t={NOW}", "no_v1", id="no signature"),
        pytest.param(BODY, SIGNED.replace("v1=", "v0="), "no_v1", id="test scheme only"),
        pytest.param(BODY, SIGNED + ",v1=00" * SIGNATURE_LIMIT, "too_many_signatures", id="17 signatures"),
        pytest.param(BODY, "," * 32_000, "too_many_signatures", id="many items"),
        pytest.param(BODY, f"t={NOW},v1=日本", "no_match", id="not ASCII"),
        pytest.param(BODY, f"t={NOW},v1=", "no_match", id="empty signature"),
        pytest.param(BODY, sign(BODY, "whsec_of_others", NOW), "no_match", id="wrong secret"),
        pytest.param(BODY + b" ", SIGNED, "no_match", id="altered body"),
        pytest.param(BODY[:-1], SIGNED, "no_match", id="truncated body"),
        pytest.param(b"\xff\xfe", SIGNED, "not_utf8", id="not UTF-8"),
        pytest.param('{"name": "é'.encode()[:-1], SIGNED, "truncated", id="truncated in a character"),
        pytest.param(BODY, sign(BODY, at=OLD), "too_old", id="old"),
        pytest.param(BODY, sign(BODY, at=FUTURE), "in_future", id="future"),
    ],
)
def test_each_fault_has_its_reason(body: bytes, header: str | None, reason: str) -> None:
    assert _reason(body, header) == reason
    assert reason in SIGNATURE_REASONS


def test_sixteen_signatures_are_compared() -> None:
    header = f"t={NOW}" + ",v1=00" * (SIGNATURE_LIMIT - 1) + "," + SIGNED.split(",")[1]

    assert verify(BODY, header, secrets=(SECRET,), now=NOW) == (0, NOW)


@pytest.mark.parametrize("header", ["t=+{old},t={now},{v1}", "t= {old},t={now},{v1}", "t={old},t={now},{v1}"])
def test_a_second_timestamp_does_not_make_an_old_delivery_new(header: str) -> None:
    v1 = sign(BODY, at=OLD).split(",")[1]

    assert _reason(BODY, header.format(old=OLD, now=NOW, v1=v1)) == "too_old"


def test_the_index_of_the_matching_secret_is_returned() -> None:
    assert verify(BODY, sign(BODY, "whsec_old", NOW), secrets=("whsec_new", "whsec_old"), now=NOW) == (1, NOW)


def test_either_signature_counts_during_a_rotation() -> None:
    both = SIGNED + "," + sign(BODY, "whsec_new", NOW).split(",")[1]

    assert verify(BODY, both, secrets=("whsec_new",), now=NOW)[0] == 0
    assert verify(BODY, both, secrets=(SECRET,), now=NOW)[0] == 0


def test_an_empty_secret_verifies_nothing() -> None:
    assert _reason(BODY, sign(BODY, "", NOW), "") == "no_match"


@pytest.mark.parametrize("signed_at", [NOW - TOLERANCE_SECONDS, NOW + TOLERANCE_SECONDS])
def test_the_tolerance_includes_its_limits(signed_at: int) -> None:
    assert verify(BODY, sign(BODY, at=signed_at), secrets=(SECRET,), now=NOW) == (0, signed_at)


SECRETS = (SECRET, "whsec_old", "whsec_older", "whsec_é", "", " \t", "\u2003", "\ud800")
BODIES = (BODY, b"", '{"name": "Zoë 日本"}'.encode(), b"\x00", b"\xff\xfe", "é".encode()[:-1], "\ufeff{}".encode())
TIMES = (
    *(f" {NOW} ", f"+{NOW}", f"-{NOW}", f"0{NOW}", f"{NOW}.0", "1_800_000_000", "\u0661\u0662", "9" * 4300, "9" * 4301),
    *("", "soon", "0x10", "0"),
)
ODD_ITEMS = (
    *("", "=", "t", "t=", "t==", f"t={NOW + 1}", "t=soon", f" t={NOW - 1}", f"T={NOW - 1}", f"t ={NOW - 1}"),
    *("v1", "v1=", "v1==", "v1=00", "v1=日本", "v1=\ud800", "v1=" + "0" * 64, "v0", "v0=00", "v2=00", "x" * 300),
)
FORMS = (*["v1={}"] * 12, *["v1={}=00"] * 3, "v1={} ", " v1={}", "v1 ={}", "V1={}", "v0={}", "v1=={}", "v1={}0")


def _case(random: Random) -> tuple[bytes, str, tuple[str, ...]]:
    """A body, a header with odd items anywhere, and the secrets of the receiver; most signatures are valid."""
    body = random.choice((BODY, random.choice(BODIES)))
    secrets = tuple(random.sample(SECRETS, random.randint(1, 3)))
    time = random.choice((str(NOW), str(NOW), random.choice(TIMES)))
    signature = _signature(body, random.choice((*secrets, *secrets, *SECRETS)), time)
    items = [f"t={time}", random.choice(FORMS).format(signature)]
    for _ in range(random.choice((0, 0, 0, 1, 2))):
        items.insert(random.randint(0, len(items)), random.choice(ODD_ITEMS))
    return body, ",".join(items), secrets


def _signature(body: bytes, secret: str, time: str) -> str:
    try:
        return hmac.digest(secret.encode(), b"%d.%b" % (int(time), body), "sha256").hex()
    except ValueError:
        return "00"


def _of_official_package(body: bytes, header: str, secrets: tuple[str, ...]) -> tuple[int, int] | None:
    """The index of the first secret that the package accepts, and the timestamp that it has verified."""
    for index, secret in enumerate(secrets):
        try:
            stripe.WebhookSignature.verify_header(body, header, secret, tolerance=None)
        except (stripe.SignatureVerificationError, ValueError, TypeError):
            continue
        return index, stripe.WebhookSignature._get_timestamp_and_signatures(header, "v1")[0]
    return None


def _ours(body: bytes, header: str, secrets: tuple[str, ...], now: int) -> tuple[int, int] | None:
    try:
        return verify(body, header, secrets=secrets, now=now)
    except InvalidSignatureError:
        return None


def test_the_answer_is_that_of_the_official_package() -> None:
    accepted = 0
    number = examples(400, 20_000)
    for seed in range(number):
        case = _case(Random(seed))
        expected = _of_official_package(*case)
        assert _ours(*case, now=expected[1] if expected else NOW) == expected, case
        accepted += expected is not None

    assert number / 10 < accepted < number / 2
