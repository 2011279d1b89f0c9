import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from lea_demo.machine import PORTS, MachineError, check, is_busy, only_demo, variable


@pytest.fixture
def busy_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_second_demo_in_a_folder_is_refused(tmp_path: Path) -> None:
    with (
        only_demo(tmp_path),
        pytest.raises(MachineError, match=r"a demo already runs .* \(process \d+\)"),
        only_demo(tmp_path),
    ):
        pass


def test_the_lock_file_of_a_demo_that_ended_does_not_block(tmp_path: Path) -> None:
    (tmp_path / "demo.lock").write_text("1")

    with only_demo(tmp_path):
        pass
    with only_demo(tmp_path):
        pass


@pytest.mark.parametrize("dot_env", ["", "export DEMO_PAGES_PORT='{}' # mine\n"], ids=["shell", ".env"])
def test_the_shell_and_dot_env_name_the_ports(tmp_path: Path, busy_port: int, dot_env: str) -> None:
    (tmp_path / ".env").write_text(dot_env.format(busy_port))
    shell = {} if dot_env else {"DEMO_PAGES_PORT": str(busy_port)}
    others = {variable(name): str(port) for port, name in enumerate(PORTS, 1) if name != "pages"}

    with pytest.raises(MachineError, match=f"port {busy_port} is in use.*DEMO_PAGES_PORT"):
        check(tmp_path, others | shell)


def test_white_space_and_blank_variables_do_not_count(tmp_path: Path, busy_port: int) -> None:
    (tmp_path / ".env").write_text(f"DEMO_PAGES_PORT={busy_port}\n")
    others = {variable(name): f" {port}\r" for port, name in enumerate(PORTS, 1) if name != "pages"}

    with pytest.raises(MachineError, match=f"^port {busy_port} is in use.*DEMO_PAGES_PORT to another port$"):
        check(tmp_path, others | {"DEMO_PAGES_PORT": " "})


def test_an_invalid_port_has_a_line(tmp_path: Path) -> None:
    invalid = {"DEMO_CHECKOUT_PORT": "0", "DEMO_PAGES_PORT": "x", "DEMO_WEBHOOK_PORT": "9" * 5000}

    with pytest.raises(MachineError) as error:
        check(tmp_path, invalid)

    assert str(error.value).splitlines() == [
        f"{name}='{value}' is not a port: set it to a number from 1 to 65535" for name, value in invalid.items()
    ]


def test_a_port_that_is_set_twice_has_a_line(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="DEMO_CHECKOUT_PORT and DEMO_PAGES_PORT are both 8084"):
        check(tmp_path, {"DEMO_PAGES_PORT": "8084"})


def test_a_busy_port_is_noticed(busy_port: int) -> None:
    assert is_busy(busy_port)
