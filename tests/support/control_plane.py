"""Stands in for the control plane of DynamoDB on AWS: it is slow, busy, and builds indexes for hours."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any, NamedTuple

from lea_payments.store import table
from tests.support.http_server import BackgroundServer

Json = dict[str, Any]


class Answer(NamedTuple):
    """An answer in place of the real one. Without a status, the connection is closed. `seconds` is its delay."""

    status: int | None
    body: bytes = b""
    seconds: float = 0.0


def error(code: str, message: str = "") -> Answer:
    """An error of DynamoDB's."""
    body = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": message}
    return Answer(400, json.dumps(body).encode())


class ControlPlane:
    """The state of one table. The answers in `instead_of` are given, each once, instead of the real ones."""

    def __init__(
        self, indexes: Sequence[str] | None = None, instead_of: Mapping[str, Sequence[Answer]] = MappingProxyType({})
    ) -> None:
        self.endpoint = ""
        self.indexes = None if indexes is None else dict.fromkeys(indexes, "ACTIVE")
        self.builds_for_hours = False
        self.is_protected = False
        self.instead_of = {name: [*answers] for name, answers in instead_of.items()}
        self.calls: list[str] = []

    def answer(self, operation: str, body: Json) -> Answer:
        """The answer to a call."""
        self.calls.append(operation)
        if self.instead_of.get(operation):
            return self.instead_of[operation].pop(0)
        if operation == "CreateTable":
            self.indexes = {index["IndexName"]: "ACTIVE" for index in body["GlobalSecondaryIndexes"]}
        if self.indexes is None:
            return error("ResourceNotFoundException", "Requested resource not found")
        if operation == "CreateTable":
            self.is_protected = bool(body["DeletionProtectionEnabled"])
        if any(status != "ACTIVE" for status in self.indexes.values()) and operation == "UpdateTable":
            return error("LimitExceededException", "Only 1 online index can be created or deleted simultaneously")
        self.is_protected |= bool(body.get("DeletionProtectionEnabled"))
        for update in body.get("GlobalSecondaryIndexUpdates", []):
            self.indexes[update["Create"]["IndexName"]] = "CREATING" if self.builds_for_hours else "ACTIVE"
        return Answer(200, json.dumps(self._description(self.indexes)).encode())

    def _description(self, indexes: Mapping[str, str]) -> Json:
        keys = {index["IndexName"]: index["KeySchema"] for index in table.INDEXES}
        described = [
            {"IndexName": name, "IndexStatus": status, "KeySchema": keys[name]} for name, status in indexes.items()
        ]
        status = "ACTIVE" if {*indexes.values()} == {"ACTIVE"} else "UPDATING"
        return {
            "Table": {
                "TableStatus": status,
                "GlobalSecondaryIndexes": described,
                "DeletionProtectionEnabled": self.is_protected,
            }
        }


@contextmanager
def serving(plane: ControlPlane) -> Iterator[ControlPlane]:
    """Serves the control plane; yields it with its endpoint."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}")
            answer = plane.answer(self.headers["X-Amz-Target"].rpartition(".")[2], body)
            time.sleep(answer.seconds)
            if answer.status is None:
                self.close_connection = True
                return
            self.send_response(answer.status)
            self.send_header("Content-Type", "application/x-amz-json-1.0")
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_: object) -> None:
            """Writes nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    plane.endpoint = f"http://127.0.0.1:{server.server_port}"
    with BackgroundServer(server):
        yield plane
