"""Runs the receiver while noting where its CPU time goes; `python -m tests.bench.profiled RESULT_FILE`.

Twice in a millisecond a signal interrupts the process; what each thread has used since the last time is booked on
the innermost function on its stack that belongs to a known group. Python handles signals between two of its own
instructions, so time in C code counts for what runs next: trust the groups, and single functions less.
"""

import gc
import signal
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType

import msgspec

EVERY_SECONDS = 0.0005
SERVING = ("uvicorn/server.py", "run")
"""Once this is on the main thread's stack, start-up is over."""

GARBAGE = ("garbage collector", "gc")
HTTP = "HTTP and event loop"
LOG = "log line"
SIGNATURE = "signature"
OTHER = "threads and the rest"
GROUPS = {
    "uvicorn/": HTTP,
    "fastapi/": "framework",
    "starlette/": "framework",
    "lea_payments/web.py": "our handler",
    "lea_payments/webhook.py": "our handler",
    "lea_payments/signing_secrets.py": SIGNATURE,
    "stripe/": SIGNATURE,
    "lea_payments/stripe_events.py": "decoding",
    "lea_payments/payment.py": "decision and statement",
    "lea_payments/items.py": "decision and statement",
    "lea_payments/store.py": "decision and statement",
    "lea_payments/group_commit.py": "group commit",
    "lea_payments/telemetry.py": "telemetry, our part",
    "lea_payments/store_telemetry.py": "telemetry, our part",
    "lea_payments/spans.py": "telemetry, our part",
    "prometheus_client/": "metrics",
    "opentelemetry/": "traces",
    "structlog/": LOG,
    "lea_payments/one_packet.py": HTTP,
    "lea_payments/batch_call.py": "DynamoDB call",
    "aiohttp/": "DynamoDB call",
    "boto3/": "DynamoDB call",
    "botocore/": "DynamoDB call",
    "urllib3/": "DynamoDB call",
    "http/client.py": "DynamoDB call",
    "requests/": "traces",
}
FUNCTIONS = {
    "verify": SIGNATURE,
    "_within_tolerance": SIGNATURE,
    "_timestamp": SIGNATURE,
    "_pairs": SIGNATURE,
    "_json": LOG,
}
"""Functions of ours that belong to another group than their file."""


class Profile(msgspec.Struct):
    """CPU seconds by group, and by function as `group, file:function`."""

    groups: dict[str, float]
    functions: dict[str, float]


class Sampler:
    """Books CPU time on functions."""

    def __init__(self) -> None:
        self._used: defaultdict[tuple[str, str], float] = defaultdict(float)
        self._clocks: dict[int, float] = {}
        self._main = threading.main_thread()
        self._collecting = 0.0

    def start(self) -> None:
        """Begins; it goes on until the process ends."""
        gc.callbacks.append(self._collect)
        signal.signal(signal.SIGALRM, self._sample)
        signal.setitimer(signal.ITIMER_REAL, EVERY_SECONDS, EVERY_SECONDS)

    def stop(self) -> Profile:
        """Ends, and tells."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        groups: defaultdict[str, float] = defaultdict(float)
        functions: defaultdict[str, float] = defaultdict(float)
        for (group, function), seconds in self._used.items():
            groups[group] += seconds
            functions[f"{group}, {function}"] += seconds
        return Profile(_greatest_first(groups), _greatest_first(functions))

    def _collect(self, phase: str, _: object) -> None:
        if phase == "start":
            self._collecting = time.thread_time()
            return
        used = time.thread_time() - self._collecting
        thread = threading.get_native_id()
        if thread in self._clocks and self._used:
            self._used[GARBAGE] += used
            self._clocks[thread] = min(self._clocks[thread] + used, time.thread_time())

    def _sample(self, _: int, here: FrameType | None) -> None:
        serving = any(_is(frame, SERVING) for frame in _outwards(here))
        frames = sys._current_frames()
        for thread in threading.enumerate():
            if thread.ident not in frames or thread.native_id is None:
                continue
            clock = time.clock_gettime(time.pthread_getcpuclockid(thread.ident))
            used = clock - self._clocks.get(thread.native_id, clock)
            self._clocks[thread.native_id] = clock
            if serving and used > 0:
                self._used[_place(here if thread is self._main else frames[thread.ident])] += used
        self._clocks[threading.get_native_id()] = time.thread_time()


def _greatest_first(used: Mapping[str, float]) -> dict[str, float]:
    return dict(sorted(used.items(), key=lambda pair: -pair[1]))


def _outwards(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _is(frame: FrameType, where: tuple[str, str]) -> bool:
    return frame.f_code.co_name == where[1] and frame.f_code.co_filename.endswith(where[0])


def _place(innermost: FrameType | None) -> tuple[str, str]:
    first = ""
    for frame in _outwards(innermost):
        path, name = frame.f_code.co_filename, frame.f_code.co_name
        first = first or f"{Path(path).name}:{name}"
        for part, group in GROUPS.items():
            if f"/{part}" in path:
                return (FUNCTIONS.get(name, group) if "lea_payments" in part else group), f"{Path(path).name}:{name}"
    return OTHER, first


def _leave(*_: object) -> None:
    raise SystemExit(0)


def main(result: Path) -> None:
    """Runs the receiver until SIGTERM."""
    from lea_payments.__main__ import main as run  # noqa: PLC0415 - its start is not to be in the profile

    signal.signal(signal.SIGTERM, _leave)
    sampler = Sampler()
    sampler.start()
    sys.argv = ["lea-payments", "webhook"]
    try:
        run()
    finally:
        result.write_bytes(msgspec.json.encode(sampler.stop()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
