import base64
import json

import pytest

from lea_payments.brand import LANGUAGE_TAGS, LOGO_BYTES
from lea_payments.commands.checks.settings import CheckSettings
from lea_payments.pages.settings import PagesSettings
from lea_payments.settings import SettingsError, read

PNG = b"\x89PNG\r\n\x1a\n"
SVG = b"<?xml version='1.0'?><!-- ours --><svg xmlns='http://www.w3.org/2000/svg'/>"
NAMES = ("BRAND_NAME", "LOGO", "SUPPORT_CONTACT", "CONVERSATION_URL", "NEXT_STEPS", "TIME_ZONE")


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    for name in NAMES:
        monkeypatch.delenv(f"PAGES_{name}", raising=False)
    monkeypatch.chdir(str(tmp_path))


def data_uri(image: bytes, kind: str = "png") -> str:
    return f"data:image/{kind};base64,{base64.b64encode(image).decode()}"


def test_without_settings_the_pages_are_ours() -> None:
    settings = read(PagesSettings)

    assert (settings.brand_name, settings.logo, settings.support_contact) == ("LEA Payments", "", "")
    assert (settings.conversation_url, dict(settings.next_steps), settings.time_zone) == ("", {}, "UTC")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BRAND_NAME", "保险 & Co. <Singapore>"),
        ("LOGO", data_uri(PNG)),
        ("LOGO", data_uri(b"\xff\xd8\xff\xe0", "jpeg")),
        ("LOGO", data_uri(b"RIFF\n\0\0\0WEBPVP8 ", "webp")),
        ("LOGO", data_uri(SVG, "svg+xml")),
        ("LOGO", data_uri(PNG + bytes(LOGO_BYTES - len(PNG)))),
        ("SUPPORT_CONTACT", "mailto:help+pay@example.com"),
        ("SUPPORT_CONTACT", "tel:+65-6123-4567"),
        ("SUPPORT_CONTACT", "https://example.com/help?from=pay#top"),
        ("CONVERSATION_URL", "https://wa.me/6561234567"),
        ("CONVERSATION_URL", "http://localhost:3000/chat"),
        ("TIME_ZONE", "Asia/Singapore"),
    ],
)
def test_a_valid_value_is_kept(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"PAGES_{name}", f" {value} ")

    assert getattr(read(PagesSettings), name.lower()) == value


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("BRAND_NAME", "x" * 61, "must have 1 to 60 characters"),
        ("BRAND_NAME", "a\u202eb", "contains a control character"),
        ("LOGO", "https://example.com/logo.png", "is not data:TYPE;base64,"),
        ("LOGO", "<svg onload='alert(1)'/>", "is not data:TYPE;base64,"),
        ("LOGO", data_uri(b"GIF89a", "gif"), "is not data:TYPE;base64,"),
        ("LOGO", data_uri(b"<html>", "svg+xml"), "is not an image of the type image/svg"),
        ("LOGO", data_uri(SVG), "is not an image of the type image/png"),
        ("LOGO", "data:image/png;base64,iVBOR", "is not valid base64"),
        ("LOGO", data_uri(PNG + bytes(LOGO_BYTES)), f"use an image of at most {LOGO_BYTES}"),
        ("SUPPORT_CONTACT", "help@example.com", "is not an https URL, mailto:"),
        ("SUPPORT_CONTACT", "javascript:alert(1)", "is not an https URL, mailto:"),
        ("SUPPORT_CONTACT", "mailto:help@example.com?body=x", "is not an https URL, mailto:"),
        ("CONVERSATION_URL", "http://example.com", "is not an https URL"),
        ("CONVERSATION_URL", "https://user@example.com", "is not an https URL"),
        ("CONVERSATION_URL", "https://example.com/a b", "is not an https URL"),
        ("CONVERSATION_URL", "https://example.com/" + "a" * 500, "is not an https URL"),
        ("NEXT_STEPS", "Your policy arrives.", "is not JSON"),
        ("NEXT_STEPS", '["en"]', "valid"),
        ("NEXT_STEPS", '{"ms": "Polisi"}', "lacks en"),
        ("NEXT_STEPS", '{"en": "x", "de": "y"}', "has the language de"),
        ("NEXT_STEPS", json.dumps({"en": "x" * 501}), "must have 1 to 500 characters"),
        ("NEXT_STEPS", '{"en": "a\\nb"}', "contains a control character"),
        ("TIME_ZONE", "Singapore Time", "is not a time zone"),
        ("TIME_ZONE", "../../etc/passwd", "is not a time zone"),
    ],
)
def test_an_invalid_value_is_named_with_its_problem(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, problem: str
) -> None:
    monkeypatch.setenv(f"PAGES_{name}", value)

    with pytest.raises(SettingsError) as refused:
        read(PagesSettings)

    assert str(refused.value).startswith(f"PAGES_{name}: ")
    assert problem in str(refused.value)


def test_texts_are_read_by_language(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = {tag: f"text in {tag}" for tag in LANGUAGE_TAGS}
    monkeypatch.setenv("PAGES_NEXT_STEPS", json.dumps(texts))
    assert read(PagesSettings).next_steps == texts

    monkeypatch.setenv("PAGES_NEXT_STEPS", " ")
    assert read(PagesSettings).next_steps == {}


def test_check_reads_the_brand_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAGES_CONVERSATION_URL", "http://example.com")

    with pytest.raises(SettingsError, match="PAGES_CONVERSATION_URL: is not an https URL"):
        read(CheckSettings)
