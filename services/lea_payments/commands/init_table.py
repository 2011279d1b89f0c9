"""Creates the table or completes it, and says what it waits for."""

from lea_payments.commands.console.terminal import Terminal
from lea_payments.commands.progress import Progress
from lea_payments.settings import TableSettings
from lea_payments.store.setup import creation


def run(settings: TableSettings, wait_seconds: int, console: Terminal) -> None:
    """Prints the result. Raises TableError."""
    with Progress() as progress:
        result = creation.ensure(creation.client(settings), settings, wait_seconds, progress.does)
    console.print(result, soft_wrap=True)
