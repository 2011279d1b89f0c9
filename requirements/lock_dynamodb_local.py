"""Writes the lock of DynamoDB Local's jars: asks Maven once, so that nobody else has to.

Change a version below, run `make lock`, read the diff. The lock holds names and SHA-256 only.
"""  # noqa: INP001 - a script, run by its path

import hashlib
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from jgo.maven import MavenContext, PythonResolver

WANTED = (
    "software.amazon.dynamodb:DynamoDBLocal:3.3.1",
    "com.amazon.ion:ion-java:1.11.11",  # asked for as a range, which a lock cannot hold
)
# What its POM asks for and a server with telemetry switched off never loads: test frameworks, the clients
# that would send telemetry, outgoing HTTP, annotations, and native libraries (they are inside its own jar).
UNUSED_GROUPS = (
    "com.google.code.findbugs",
    "com.google.errorprone",
    "com.google.j2objc",
    "io.netty",
    "junit",
    "org.apache.httpcomponents.client5",
    "org.apache.httpcomponents.core5",
    "org.apiguardian",
    "org.checkerframework",
    "org.hamcrest",
    "org.jetbrains",
    "org.junit.jupiter",
    "org.junit.platform",
    "org.junit.vintage",
    "org.mockito",
    "org.objenesis",
    "org.opentest4j",
)
UNUSED_ARTIFACTS = (
    "apache5-client",
    "cognitoidentity",
    "cognitoidentityprovider",
    "jetty-alpn-client",
    "jetty-client",
    "listenablefuture",
    "netty-nio-client",
    "url-connection-client",
)


def main(lock: Path) -> None:
    """Resolve, download and hash every jar, then replace the lock; about half a minute."""
    with tempfile.TemporaryDirectory() as folder:
        context = MavenContext(repo_cache=Path(folder), timeout=60)
        asked, found = PythonResolver().resolve([context.create_dependency(name) for name in WANTED])
        artifacts = [
            dependency.artifact
            for dependency in asked + found
            if dependency.type == "jar"
            and dependency.scope not in ("provided", "test")
            and dependency.groupId not in UNUSED_GROUPS
            and dependency.artifactId not in UNUSED_ARTIFACTS
        ]
        with ThreadPoolExecutor(max_workers=8) as pool:
            paths = pool.map(lambda artifact: artifact.resolve(), artifacts)
            lines = [
                f"{artifact.groupId}:{artifact.artifactId}:{artifact.version}"
                f" sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"
                for artifact, path in zip(artifacts, paths, strict=True)
            ]
    lock.write_text("".join(sorted(lines)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
