"""The tests' programs are installed once for each lock file, and for each Python or other program that they run on."""

from pathlib import Path

import pytest

from tests.support.programs import installation


def _installs(target: Path, lock_file: Path, runtime: str = "") -> bool:
    """Installs if it is necessary, and returns whether it was."""
    with installation(target, lock_file, runtime) as folder:
        if folder is None:
            return False
        assert not list(folder.iterdir()), "parts of another installation are left"
        (folder / "program").touch()
    return True


def test_another_lock_file_or_runtime_is_installed_anew(tmp_path: Path) -> None:
    target, lock_file = tmp_path / "target", tmp_path / "lock.txt"
    lock_file.write_text("one==1")
    first = [_installs(target, lock_file, "3.12"), _installs(target, lock_file, "3.12")]

    other_runtime = [_installs(target, lock_file, "3.13"), _installs(target, lock_file, "3.13")]
    lock_file.write_text("one==2")
    other_lock = [_installs(target, lock_file, "3.13"), _installs(target, lock_file, "3.13")]

    assert first == other_runtime == other_lock == [True, False]


def test_an_installation_that_failed_is_repeated(tmp_path: Path) -> None:
    lock_file = tmp_path / "lock.txt"
    lock_file.touch()
    with pytest.raises(OSError, match="no network"), installation(tmp_path / "target", lock_file):
        raise OSError("no network")

    assert _installs(tmp_path / "target", lock_file)
