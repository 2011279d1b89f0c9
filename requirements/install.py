"""Installs a lock file and this project into .venv, and creates .venv if there is none that works.

Uses the standard library only, and runs with the Python that .venv gets: `python3 requirements/install.py demo`.
"""
# ruff: noqa: E402

import signal

signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends the imports below without a traceback

import fcntl
import os
import shutil
import subprocess
import sys
from typing import NoReturn

from install_problems import AGAIN, InstallError
from install_steps import ROOT, VENV, PackagesStep, Step, run

PYTHON = VENV / "bin" / "python"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
INCOMPLETE = VENV / "incomplete"
"""Exists from the first change of .venv until it is complete. After an interruption .venv is created again."""


def is_usable() -> bool:
    """Whether .venv is complete, belongs to this folder, and has a new enough Python and pip."""
    script = VENV / "bin" / "pip"
    if INCOMPLETE.exists() or not script.is_file() or str(VENV / "bin") not in script.read_text(errors="replace"):
        return False
    code = "import sys, pip; sys.exit(sys.version_info < (3, 11))"
    return all(_succeeds(*arguments) for arguments in (("-c", code), ("-m", "pip", "--version")))


def _succeeds(*arguments: str) -> bool:
    try:
        return subprocess.run([PYTHON, *arguments], cwd=ROOT, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def create() -> None:
    """Creates .venv. Nothing of an earlier one stays, except that it counts as incomplete."""
    VENV.mkdir(exist_ok=True)
    INCOMPLETE.touch()
    for path in VENV.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path != INCOMPLETE:
            path.unlink()
    run(Step(f"Creating .venv with Python {sys.version.split()[0]}"), sys.executable, "-m", "venv", VENV)


def install(name: str) -> None:
    """Installs the packages of a lock file and then this project."""
    lock = ROOT / "requirements" / f"{name}.txt"
    if not is_usable():
        create()
    INCOMPLETE.touch()
    for stamp in VENV.glob("*.stamp"):
        stamp.unlink()
    pip = (PYTHON, "-m", "pip", "install", "--progress-bar", "off")
    run(PackagesStep(lock), *pip, "--require-hashes", "--use-pep517", "--no-compile", "-r", lock)
    run(Step("Installing this project"), *pip, "--no-deps", "--no-build-isolation", "--editable", ".")
    make_relative()
    (VENV / f"{name}.stamp").touch()
    INCOMPLETE.unlink()


def make_relative() -> None:
    """Makes the way from .venv to this project relative.

    An absolute one has the folder's name, and a Python that cannot read its letters in the locale does not even start.
    """
    for file in VENV.glob("lib/*/site-packages/__editable__.*.pth"):
        file.write_text(os.path.relpath(ROOT / "services", file.parent) + "\n")


def only_one() -> int:
    """Waits for nothing: raises InstallError if another installation runs in this folder. Keep the result open."""
    folder = os.open(ROOT / "requirements", os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise InstallError("Another installation runs in this folder: wait for its end.") from None
    except OSError:
        pass  # a file system without locks
    return folder


def check_folder() -> None:
    """Raises InstallError if programs in .venv would not start here. The shell or venv changes these characters."""
    if bad := sorted(set(str(ROOT)) & set('$`"\\:\n')):
        characters = " ".join(map(ascii, bad))
        raise InstallError(f"The name of a folder of {str(ROOT)!r} has {characters}: rename it, {AGAIN}")


def check_machine() -> None:
    """Raises InstallError if the demo cannot start on this machine: that is better known before a long installation."""
    sys.path.insert(0, str(ROOT / "services"))
    sys.dont_write_bytecode = True
    from lea_demo import machine  # noqa: PLC0415 - found only now

    try:
        machine.check(ROOT, os.environ)
    except machine.MachineError as error:
        raise InstallError(str(error).replace("\n", "\n✗ ")) from None


def main() -> int:
    """Installs, prints what is wrong, and returns the exit status."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    for number in SIGNALS:
        signal.signal(number, _interrupt)
    try:
        check_folder()
        lock = only_one()
        if sys.argv[1] == "demo":
            check_machine()
        install(sys.argv[1])
        os.close(lock)
    except InstallError as error:
        print(f"✗ {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"✗ Cannot write {error.filename} ({error.strerror}): correct that, {AGAIN}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted. The same command starts the installation again.", file=sys.stderr)
        return 130
    return 0


def _interrupt(*_: object) -> NoReturn:
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C must not stop the end
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
