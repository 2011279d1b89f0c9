"""Reads a file of secrets."""

from collections.abc import Sequence
from pathlib import Path

from lea_payments.secrets.rules import SecretError, signing_secrets_in

SIZE_LIMIT = 64 * 1024
"""In bytes. It has room for hundreds of secrets; a Stripe account has at most 16 endpoints."""


def read_signing_secrets(file: Path, *, is_local: bool, in_use: Sequence[str] = ()) -> tuple[str, ...]:
    """The secrets in a file, all of them valid; `in_use` are those before a change. Raises SecretError.

    The message shows neither the content nor the path: people put the secret itself where the path belongs.
    """
    return signing_secrets_in(_content(file), is_local=is_local, in_use=in_use)


def read_text(file: Path) -> str:
    """The text in a file of an API key or of tokens, without its line end. Raises SecretError, as above."""
    try:
        text = _content(file).decode().strip()
    except UnicodeDecodeError:
        raise SecretError("it is not text in UTF-8") from None
    if not text:
        raise SecretError("it has no secret")
    return text


def _content(file: Path) -> bytes:
    try:
        if file.exists() and not file.is_file():
            raise SecretError("it is not a regular file")  # reading a pipe could wait for ever
        with file.open("rb") as stream:
            content = stream.read(SIZE_LIMIT + 1)
    except OSError as error:
        raise SecretError(f"the file cannot be read ({error.strerror})") from None
    if len(content) > SIZE_LIMIT:
        raise SecretError(f"it has more than {SIZE_LIMIT} bytes")
    return content
