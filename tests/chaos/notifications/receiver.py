"""Runs as the process of a receiver: verifies each notification, reads the record, and writes one line about both."""

import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

SLOW_SECONDS = 12.0
"""Longer than the notifier waits for a response."""

STATUSES = {"ok": 204, "failing": 500, "gone": 410, "slow": 204}


class Receiver:
    """What the folder says: `mode` is how to answer, `accepted` has the secrets; `received.jsonl` gets the lines."""

    def __init__(self, folder: Path, endpoint: str, table: str) -> None:
        self.folder, self._table = folder, table
        config = Config(read_timeout=1, connect_timeout=1, retries={"total_max_attempts": 1, "mode": "standard"})
        session = boto3.Session("local", "local", region_name="ap-southeast-1")
        self._dynamodb = session.client("dynamodb", endpoint_url=endpoint, config=config)
        self._lines = os.open(folder / "received.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def mode(self) -> str:
        """The current mode."""
        return (self.folder / "mode").read_text().strip()

    def is_verified(self, body: str, headers: dict[str, str]) -> bool:
        """Whether one of the accepted secrets has signed this."""
        for secret in (self.folder / "accepted").read_text().split():
            try:
                Webhook(secret).verify(body, headers)
            except WebhookVerificationError:
                continue
            return True
        return False

    def stored_version(self, payment_id: str) -> int | None:
        """The version in the table now, or None if the table does not respond."""
        key = {"payment_intent_id": {"S": payment_id}}
        try:
            item = self._dynamodb.get_item(TableName=self._table, Key=key, ConsistentRead=True)["Item"]
        except (BotoCoreError, ClientError):
            return None
        return int(item.get("version", {}).get("N", "0"))

    def write(self, line: dict[str, Any]) -> None:
        """Writes a line in one call, which survives this process."""
        os.write(self._lines, json.dumps(line).encode() + b"\n")


def handler_of(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    """The handler of requests."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            headers = {name.lower(): value for name, value in self.headers.items()}
            mode, data = receiver.mode(), json.loads(body)["data"]
            line = {
                "payment_id": data["payment_intent_id"],
                "version": data["version"],
                "state": [data[name] for name in ("payment_status", "status_reason", "amount_refunded")],
                "id": headers["webhook-id"],
                "verified": receiver.is_verified(body, headers),
                "stored": receiver.stored_version(data["payment_intent_id"]),
                "mode": mode,
                "at": time.time(),
            }
            if mode == "slow":
                time.sleep(SLOW_SECONDS)
            # Before the answer, as a receiver that stores what it accepts.
            receiver.write(line)
            if mode == "reset":
                self.close_connection = True
                return
            self.send_response(STATUSES[mode])
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Prints nothing."""

    return Handler


class Server(ThreadingHTTPServer):
    """A server that does not report clients that have gone."""

    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Reports nothing: the notifier closes connections that take too long."""


def main() -> None:
    """Serves until it is killed."""
    port, folder, endpoint, table = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4]
    Server(("127.0.0.1", port), handler_of(Receiver(folder, endpoint, table))).serve_forever()


if __name__ == "__main__":
    main()
