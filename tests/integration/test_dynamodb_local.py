import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest

from lea_demo.dynamodb_local import DynamoDBLocal, DynamoDBLocalError, fetch
from tests.support.http_server import BackgroundServer
from tests.support.tls_proxy import create_certificate, tls_proxy
from tests.support.waiting import until

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def connect(endpoint: str) -> "DynamoDBClient":
    return boto3.client(
        "dynamodb",
        endpoint_url=endpoint,
        region_name="ap-southeast-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
    )


def create_table(client: "DynamoDBClient") -> None:
    client.create_table(
        TableName="example",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


def is_listening(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def test_conditional_partiql_updates_run_in_a_batch(dynamodb_endpoint: str) -> None:
    client = connect(dynamodb_endpoint)
    create_table(client)
    client.put_item(TableName="example", Item={"id": {"S": "a"}})
    once = "UPDATE example SET n=1 WHERE id=? AND attribute_not_exists(n)"

    answers = [
        client.batch_execute_statement(Statements=[{"Statement": once, "Parameters": [{"S": "a"}]}])["Responses"][0]
        for _ in range(2)
    ]
    client.delete_table(TableName="example")

    assert [answer.get("Error", {}).get("Code") for answer in answers] == [None, "ConditionalCheckFailed"]


def test_tables_survive_a_restart(free_port: Callable[[], int], dynamodb_folder: Path, tmp_path: Path) -> None:
    with DynamoDBLocal(free_port(), tmp_path / "data", dynamodb_folder) as dynamodb:
        create_table(connect(dynamodb.endpoint))

    with DynamoDBLocal(free_port(), tmp_path / "data", dynamodb_folder) as dynamodb:
        assert connect(dynamodb.endpoint).list_tables()["TableNames"] == ["example"]


def test_it_starts_in_a_folder_that_the_locale_cannot_name(
    free_port: Callable[[], int], dynamodb_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    folder = tmp_path / "文件 é"
    folder.mkdir()
    (folder / "programs").symlink_to(dynamodb_folder)

    with DynamoDBLocal(free_port(), folder / "data", folder / "programs") as dynamodb:
        assert connect(dynamodb.endpoint).list_tables()["TableNames"] == []


def test_a_busy_port_is_named_with_a_remedy(dynamodb_folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        with pytest.raises(DynamoDBLocalError, match=f"Port {port}.*stop the program"):
            DynamoDBLocal(port, None, dynamodb_folder).start()


def test_an_exit_is_reported_with_the_end_of_its_log(free_port: Callable[[], int], dynamodb_folder: Path) -> None:
    with DynamoDBLocal(free_port(), None, dynamodb_folder) as dynamodb:
        assert dynamodb._server is not None
        dynamodb._server.process.kill()
        dynamodb._server.process.wait()

        with pytest.raises(DynamoDBLocalError, match=rf"(?s)exit status -9.*port-{dynamodb.port}.*InMemory:\ttrue"):
            dynamodb.raise_if_exited()


def test_it_exits_when_its_parent_is_killed(free_port: Callable[[], int], dynamodb_folder: Path) -> None:
    port = free_port()
    program = (
        "import pathlib, sys, time; from lea_demo.dynamodb_local import DynamoDBLocal;"
        "DynamoDBLocal(int(sys.argv[1]), None, pathlib.Path(sys.argv[2])).start(); print('up', flush=True);"
        "time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(port), str(dynamodb_folder)], stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout
        assert parent.stdout.readline() == b"up\n"
        parent.send_signal(signal.SIGKILL)

    until(lambda: not is_listening(port), "DynamoDB Local to end with its parent")


def test_only_missing_and_damaged_jars_are_downloaded_again(dynamodb_folder: Path, tmp_path: Path) -> None:
    """An interrupted download leaves at most one incomplete file. This is the only test that downloads."""
    folder = tmp_path / "dynamodb-local"
    shutil.copytree(fetch(dynamodb_folder), folder / "jars")
    jars = {path.name: path.stat().st_ino for path in (folder / "jars").iterdir()}
    missing, damaged = (next((folder / "jars").glob(f"{name}-*.jar")) for name in ("commons-cli", "slf4j-api"))
    content = damaged.read_bytes()
    missing.unlink()
    damaged.unlink()
    damaged.write_bytes(content[:1000])
    progress: list[str] = []

    try:
        fetch(folder, progress.append)
    except DynamoDBLocalError as error:
        pytest.skip(f"needs the network: {error}")

    after = {path.name: path.stat().st_ino for path in (folder / "jars").iterdir()}
    assert damaged.read_bytes() == content
    assert {name for name in jars if jars[name] != after.get(name)} == {missing.name, damaged.name}
    assert progress == ["Downloading DynamoDB Local: 2 files"]
    assert [path.name for path in folder.iterdir()] == ["jars"]


def download(folder: Path, **env: str) -> str:
    """Downloads what is missing, in a process of its own, and returns what is printed."""
    program = (
        "import pathlib, stamina, sys; from lea_demo.dynamodb_local import DynamoDBLocalError, fetch\n"
        "stamina.instrumentation.set_on_retry_hooks(())\n"
        "try: fetch(pathlib.Path(sys.argv[1]), lambda _: None)\n"
        "except DynamoDBLocalError as error: print(error)"
    )
    command = [sys.executable, "-c", program, str(folder)]
    path = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.check_output(command, env=path | env, text=True)


@pytest.fixture
def lacks_one_jar(dynamodb_folder: Path, tmp_path: Path) -> tuple[Path, Path]:
    """Return a folder in which one jar is missing, and that jar."""
    folder = tmp_path / "dynamodb-local"
    shutil.copytree(fetch(dynamodb_folder), folder / "jars", copy_function=os.symlink)
    jar = next((folder / "jars").glob("commons-cli-*.jar"))
    source = jar.resolve()
    jar.unlink()
    return folder, source


def test_a_tls_proxy_needs_its_ca_bundle(lacks_one_jar: tuple[Path, Path], tmp_path: Path) -> None:
    folder, jar = lacks_one_jar
    content = jar.read_bytes()
    files = {jar.name: content, f"{jar.name}.sha1": hashlib.sha1(content, usedforsecurity=False).hexdigest().encode()}
    ca = create_certificate(tmp_path, "repo.maven.apache.org")
    server = tls_proxy(ca, files)
    with BackgroundServer(server):
        proxy = f"http://127.0.0.1:{server.server_port}"

        refused = download(folder, HTTPS_PROXY=proxy)
        trusted = download(folder, HTTPS_PROXY=proxy, REQUESTS_CA_BUNDLE=str(ca))

    assert "a proxy inspects TLS: set REQUESTS_CA_BUNDLE to a file with your company's CA certificates" in refused
    assert len(refused.splitlines()) == 1
    assert trusted == ""
    assert (folder / "jars" / jar.name).read_bytes() == content


def test_without_a_network_the_download_says_so(lacks_one_jar: tuple[Path, Path]) -> None:
    printed = download(lacks_one_jar[0], HTTPS_PROXY="http://127.0.0.1:9")

    assert "the proxy does not connect to repo.maven.apache.org: correct HTTPS_PROXY" in printed
    assert len(printed.splitlines()) == 1
