"""Installs a small project with one package, from a local file, as `make demo` and `make setup` install this one."""

import fcntl
import hashlib
import os
import runpy
import shutil
import signal
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.examples import examples
from tests.support.waiting import until

PYPROJECT = """[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "small"
version = "1"
"""
BACKEND = """import locale, zipfile
def build_editable(folder, *_):
    with zipfile.ZipFile(folder + "/small-1-py3-none-any.whl", "w") as wheel:
        services = __file__.replace("backend.py", "services").encode(locale.getencoding())  # as setuptools does
        wheel.writestr("__editable__.small-1.pth", services)
        wheel.writestr("small-1.dist-info/METADATA", "Metadata-Version: 2.1\\nName: small\\nVersion: 1\\n")
        wheel.writestr("small-1.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("small-1.dist-info/RECORD", "")
    return "small-1-py3-none-any.whl"
def get_requires_for_build_editable(*_):
    return []
"""
SCRIPT = Path("requirements", "install.sh")
LOCALES = ("C", "C.UTF-8")


def write_package(folder: Path) -> str:
    """Writes a wheel and returns its line in a lock file."""
    wheel = folder / "example-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("example.py", "")
        archive.writestr("example-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: example\nVersion: 1\n")
        archive.writestr("example-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("example-1.dist-info/RECORD", "")
    return f"example==1 --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"


class Project:
    """A small project in a folder with a space in its name."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.folder = folder
        self.python = folder / ".venv" / "bin" / "python"
        (folder / "requirements").mkdir(parents=True)
        for path in [*root.glob("requirements/install*"), root / "services" / "lea_demo" / "machine.py"]:
            target = folder / path.relative_to(root)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        (folder / "services" / "lea_demo" / "__init__.py").touch()
        (folder / "pyproject.toml").write_text(PYPROJECT)
        (folder / "backend.py").write_text(BACKEND)
        other = "other==1 ; sys_platform == 'no system' --hash=sha256:00\n"
        lock = write_package(folder) + other
        for name in ("demo", "dev"):
            (folder / "requirements" / f"{name}.txt").write_text(lock)

    def start(self, name: str = "dev", **env: str) -> "subprocess.Popen[str]":
        """Starts the installation."""
        kept = {variable: os.environ[variable] for variable in ("HOME", "TZ") if variable in os.environ}
        path = os.pathsep.join([str(Path(sys.executable).resolve().parent), "/usr/bin", "/bin"])
        local = {"PATH": path, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": self.folder.as_uri()}
        return subprocess.Popen(
            [str(shutil.which("bash")), SCRIPT, name],
            cwd=self.folder,
            env={**kept, **local, **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            # Tests that run as a shell's background job ignore Ctrl-C, and bash cannot change that for itself.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        )

    def install(self, name: str = "dev", **env: str) -> tuple[int, str]:
        """Installs and returns the exit status and the output."""
        with self.start(name, **env) as process:
            output, _ = process.communicate()
        return process.returncode, output

    def is_usable(self) -> bool:
        """Whether the installer would keep .venv."""
        code = "import install; print(install.is_usable())"
        shown = subprocess.check_output([sys.executable, "-c", code], cwd=self.folder / "requirements", text=True)
        return shown == "True\n"

    def works(self) -> bool:
        """Whether the package and the project can be imported, also in a locale without the folder's letters."""
        command: list[str | Path] = [self.python, "-c", "import example, lea_demo"]
        return all(subprocess.run(command, check=False, env={"LC_ALL": name}).returncode == 0 for name in LOCALES)


@pytest.fixture
def new_project(root: Path, tmp_path: Path) -> Project:
    return Project(root, tmp_path / "a path")


class First(NamedTuple):
    """A project, and what its first complete installation has printed. An earlier one was interrupted."""

    project: Project
    output: str


@pytest.fixture(scope="module")
def first(root: Path, tmp_path_factory: pytest.TempPathFactory) -> First:
    project = Project(root, tmp_path_factory.mktemp("installed") / "a päth's %20;&")
    for part in (project.folder / ".venv", project.folder / ".venv" / "bin"):
        part.mkdir()
        (part / "incomplete").touch()
    status, output = project.install(LC_ALL="C")
    assert status == 0, output
    return First(project, output)


@pytest.fixture(scope="module")
def installed(first: First) -> Project:
    """Return a project after its installation."""
    return first.project


@pytest.fixture
def other_lock(installed: Project) -> Iterator[Path]:
    """Yield the lock file, which the test may change to one that cannot be installed: then pip changes nothing."""
    lock = installed.folder / "requirements" / "dev.txt"
    before = lock.read_text()
    yield lock
    lock.write_text(before)
    (installed.folder / ".venv" / "incomplete").unlink()
    (installed.folder / ".venv" / "dev.stamp").touch()
    assert installed.is_usable()
    assert installed.works()


def test_the_numbers_of_packages_add_up(first: First) -> None:
    assert [line for line in first.output.splitlines() if " of " in line] == [
        "Installing the packages of requirements/dev.txt into .venv",
        "  1 of 1 found",
    ]


def test_a_second_installation_does_nothing(installed: Project) -> None:
    assert installed.install() == (0, "")
    assert installed.install("demo") == (0, "")


def is_created(folder: Path) -> bool:
    return (folder / ".venv" / "incomplete").exists()


def has_pip(folder: Path) -> bool:
    return (folder / ".venv" / "bin" / "pip").exists()


INTERRUPTIONS = [
    pytest.param(is_created, signal.SIGINT, id="creation-Ctrl-C"),
    pytest.param(is_created, signal.SIGKILL, id="creation-killed"),
    pytest.param(has_pip, signal.SIGINT, id="packages-Ctrl-C"),
    pytest.param(has_pip, signal.SIGKILL, id="packages-killed"),
]
"""The first and the last have each moment and each signal."""


@pytest.mark.parametrize(("has_started", "number"), INTERRUPTIONS[:: examples(3, 1)])
def test_an_interrupted_installation_is_not_used(
    new_project: Project, has_started: Callable[[Path], bool], number: int
) -> None:
    with new_project.start() as process:
        until(lambda: has_started(new_project.folder), "the installation to begin")
        process.send_signal(number)
        output, _ = process.communicate()
    if number == signal.SIGINT:
        assert process.returncode == 130
        assert output.endswith("Interrupted. The same command starts the installation again.\n")
    assert (new_project.folder / ".venv" / "incomplete").exists()
    assert not new_project.is_usable()


def test_an_incomplete_environment_is_created_again(first: First) -> None:
    assert first.output.startswith("Creating .venv")
    assert not (first.project.folder / ".venv" / "bin" / "incomplete").exists()
    assert first.project.works()


def remove_python(folder: Path) -> Path:
    return folder / ".venv" / "bin" / "python"


def remove_pip(folder: Path) -> Path:
    return next(folder.glob(".venv/lib/*/site-packages/pip"))


@pytest.mark.parametrize("part", [remove_python, remove_pip], ids=["python", "pip"])
def test_an_environment_without_a_part_is_not_used(installed: Project, part: Callable[[Path], Path]) -> None:
    path = part(installed.folder)
    hidden = path.with_name("hidden")
    path.rename(hidden)
    is_usable = installed.is_usable()
    hidden.rename(path)

    assert not is_usable
    assert installed.is_usable()


def test_a_moved_folder_gets_a_new_environment(installed: Project, root: Path, tmp_path: Path) -> None:
    moved = Project(root, tmp_path / "another path")
    shutil.copytree(installed.folder / ".venv", moved.folder / ".venv", symlinks=True)
    for stamp in moved.folder.glob(".venv/*.stamp"):
        stamp.touch()

    assert not moved.is_usable()
    status, output = moved.install(PIP_FIND_LINKS=moved.folder.as_uri())

    assert status == 0, output
    assert output.startswith("Creating .venv")
    assert moved.works()


@pytest.mark.parametrize("milliseconds", range(0, 300, 300 // examples(6, 30)))
def test_ctrl_c_in_the_first_moments_ends_it(new_project: Project, milliseconds: int) -> None:
    """Before the installer has its own handler: in the shell, in a Python that is tried, during imports.

    In the first milliseconds of the installer, Python itself can still print a traceback.
    """
    with new_project.start() as process:
        time.sleep(milliseconds / 1000)
        os.killpg(process.pid, signal.SIGINT)
        output, _ = process.communicate()

    assert process.returncode in (130, -signal.SIGINT), output
    assert not list(new_project.folder.glob(".venv/*.stamp"))


@pytest.mark.parametrize("character", ["$", "`", '"', "\\", ":"])
def test_a_folder_that_breaks_programs_is_refused(root: Path, tmp_path: Path, character: str) -> None:
    project = Project(root, tmp_path / f"a{character}b" / "lea")

    status, output = project.install()

    assert status == 1
    assert f"has {character!a}: rename it" in output
    assert not (project.folder / ".venv").exists()


def test_without_a_network_one_sentence_says_what_to_do(installed: Project, other_lock: Path) -> None:
    other_lock.write_text(f"missing==1 --hash=sha256:{'0' * 64}\n")

    status, output = installed.install(
        PIP_NO_INDEX="0", PIP_FIND_LINKS="", PIP_INDEX_URL="http://127.0.0.1:9/simple", PIP_RETRIES="1"
    )

    *progress, problem = output.splitlines()
    assert status == 1
    assert problem.startswith("✗ No connection to the package index")
    assert [name for name in ("PIP_INDEX_URL", "HTTPS_PROXY", "REQUESTS_CA_BUNDLE") if name not in problem] == []
    assert not [line for line in progress if "Retry" in line or "ERROR" in line]


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        pytest.param({"HTTPS_PROXY": "socks5://127.0.0.1:9"}, "not a URL that pip can use", id="SOCKS"),
        pytest.param({"HTTPS_PROXY": "foo://bar:1"}, "not a URL that pip can use", id="scheme of the proxy"),
        pytest.param({"HTTPS_PROXY": "http://user:Geheim@x@127.0.0.1:9x"}, "not a URL that pip can use", id="password"),
        pytest.param({"HTTPS_PROXY": "http://:8080"}, "not a URL that pip can use", id="no host"),
        pytest.param({"PIP_INDEX_URL": "http://127.0.0.1:9999999/simple"}, "not a URL that pip can use", id="port"),
        pytest.param({"PIP_INDEX_URL": "nonsense"}, "correct PIP_INDEX_URL", id="no URL"),
        pytest.param({"PIP_NO_INDEX": "1"}, "remove PIP_NO_INDEX", id="no index"),
    ],
)
def test_each_wrong_setting_of_pip_has_a_sentence(
    installed: Project, other_lock: Path, variables: dict[str, str], words: str
) -> None:
    other_lock.write_text(f"missing==1 --hash=sha256:{'0' * 64}\n")
    usual = {"PIP_NO_INDEX": "0", "PIP_FIND_LINKS": "", "PIP_INDEX_URL": "https://127.0.0.1:9/simple"}

    status, output = installed.install(**{**usual, "PIP_RETRIES": "0", "NO_PROXY": "", "no_proxy": "", **variables})

    problem = output.splitlines()[-1]
    assert status == 1
    assert problem.startswith("✗ ")
    assert words in problem
    assert "Geheim" not in output


def test_a_failed_update_leaves_no_stamp(installed: Project, other_lock: Path) -> None:
    other_lock.write_text("nothing==1 --hash=sha256:00\n")
    assert installed.install()[0] == 1

    assert not list(installed.folder.glob(".venv/*.stamp"))


def test_only_one_installation_runs_in_a_folder(new_project: Project) -> None:
    folder = os.open(new_project.folder / "requirements", os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)

    status, output = new_project.install()
    os.close(folder)

    assert (status, output) == (1, "✗ Another installation runs in this folder: wait for its end.\n")


def test_a_busy_port_is_reported_before_the_installation(new_project: Project) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        (new_project.folder / ".env").write_text(f"DEMO_PAGES_PORT={port}\n")

        status, output = new_project.install("demo")

    assert status == 1
    assert f"✗ port {port} is in use: stop the program that listens there, or set DEMO_PAGES_PORT" in output
    assert not (new_project.folder / ".venv").exists()


def test_a_folder_that_cannot_be_written_has_a_sentence(new_project: Project) -> None:
    (new_project.folder / ".venv").touch()

    status, output = new_project.install()

    assert status == 1
    assert output.startswith(f"✗ Cannot write {new_project.folder}/.venv (File exists)")
    assert len(output.splitlines()) == 1


@pytest.mark.parametrize(
    ("pythons", "chosen"),
    [
        pytest.param(["python3.11", "python3.13", "python3.14"], "python3.14", id="highest tested"),
        pytest.param(["python3.11", "python3.15"], "python3.11", id="tested before untested"),
        pytest.param(["python3.15", "python3.16"], "python3.15", id="only newer ones"),
        pytest.param(["python3"], "python3", id="general name"),
    ],
)
def test_the_best_python_is_found(new_project: Project, pythons: Sequence[str], chosen: str) -> None:
    folder = new_project.folder / "bin"
    folder.mkdir()
    for tool in ("dirname", "grep", "sort"):
        (folder / tool).symlink_to(str(shutil.which(tool)))
    for name in pythons:
        program = folder / name
        program.write_text(f'#!/bin/sh\n[ "$1" = -c ] || echo {name} "$@"\n')
        program.chmod(0o755)
    (folder / "python3.12").write_text("#!/bin/sh\nexit 127\n")  # a shim of a version that is not active
    (folder / "python3.12").chmod(0o755)

    _, output = new_project.install(PATH=str(folder))

    assert output == f"{chosen} -S requirements/install.py dev\n"


def test_without_python_a_sentence_names_the_package(new_project: Project) -> None:
    folder = new_project.folder / "bin"
    folder.mkdir()
    for tool in ("dirname", "grep", "sort"):
        (folder / tool).symlink_to(str(shutil.which(tool)))

    status, output = new_project.install(PATH=f"{folder}")

    assert status == 1
    assert (
        output
        == "✗ No Python 3.11 or newer on the PATH: install one (Debian, Ubuntu: apt install python3 python3-venv).\n"
    )


@pytest.mark.parametrize(
    ("printed", "words"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk is full"),
        ("OSError: [Errno 30] Read-only file system: '/x/.venv'", "make this folder writable"),
        ("WARNING: Retrying (Retry(total=1)) after connection broken by 'NewConnectionError'", "PIP_INDEX_URL"),
        ("WARNING: Retrying (Retry(total=1)) after connection broken by 'SSLError(CERTIFICATE_VERIFY_FAILED)'", "TLS"),
        (
            "OSError: Could not find a suitable TLS CA certificate bundle, invalid path: /x",
            "correct REQUESTS_CA_BUNDLE",
        ),
        (
            "WARNING: Retrying after connection broken by 'SSLError([X509: NO_CERTIFICATE_OR_CRL_FOUND])'",
            "no certificates in PEM format",
        ),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", "original files"),
        ("ERROR: HTTP error 401 while getting https://index", "the user and the password"),
        ("something else", "Its last lines:\n  something else"),
    ],
    ids=["full", "read-only", "no network", "TLS proxy", "no bundle", "no PEM", "hash", "refused", "unknown"],
)
def test_every_cause_of_a_failure_has_a_remedy(root: Path, printed: str, words: str) -> None:
    explanation = runpy.run_path(str(root / "requirements" / "install_problems.py"))["explanation"]

    assert words in explanation([printed])
