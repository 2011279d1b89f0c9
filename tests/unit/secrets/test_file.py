import os
from pathlib import Path

import pytest

from lea_payments.secrets.file import SIZE_LIMIT, read_signing_secrets
from lea_payments.secrets.rules import SecretError
from tests.support.secrets import signing_secret

SECRET = signing_secret("current")


def _problem(file: Path) -> str:
    with pytest.raises(SecretError) as error_info:
        read_signing_secrets(file, is_local=True)
    return str(error_info.value)


def test_a_file_of_the_largest_size_is_read(tmp_path: Path) -> None:
    file = tmp_path / "secrets"
    file.write_text(SECRET.ljust(SIZE_LIMIT))

    assert read_signing_secrets(file, is_local=False) == (SECRET,)
    file.write_text(SECRET.ljust(SIZE_LIMIT + 1))
    assert _problem(file) == f"it has more than {SIZE_LIMIT} bytes"


def test_a_missing_file_does_not_show_its_name(tmp_path: Path) -> None:
    """The name is the secret itself if somebody confuses the two variables."""
    assert _problem(tmp_path / SECRET) == "the file cannot be read (No such file or directory)"


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    assert _problem(tmp_path / "pipe") == "it is not a regular file"
    assert _problem(tmp_path) == "it is not a regular file"
