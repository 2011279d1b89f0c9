import re
from pathlib import Path

from lea_demo.dynamodb_local import LOCK, DynamoDBLocal

LOCKED = [line.split(" ") for line in LOCK.read_text().splitlines()]


def test_the_lock_has_the_version_that_the_chart_runs(root: Path) -> None:
    values = (root / "charts" / "lea-payments" / "values.yaml").read_text()
    image = re.search(r"repository: amazon/dynamodb-local\b.*?\btag: (\S+)", values, re.DOTALL)

    assert image
    assert f"software.amazon.dynamodb:DynamoDBLocal:{image[1]}" in [name for name, _ in LOCKED]


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


def test_stop_before_start_is_harmless(tmp_path: Path) -> None:
    DynamoDBLocal(8000, None, tmp_path).stop()
