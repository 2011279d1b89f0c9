"""Writes the lock of DynamoDB Local's jars: their names and SHA-256, for the version that the chart runs.

To change the version, edit the chart's `values.yaml`, run `make lock` and read the diff.
"""

import hashlib
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml
from jgo.maven import MavenContext, PythonResolver

VALUES = Path(__file__).parents[1] / "charts" / "lea-payments" / "values.yaml"
IMAGE = "amazon/dynamodb-local"
# Listed in its POM, but never loaded by a server without telemetry: test frameworks, annotations, clients for
# telemetry and outgoing HTTP. The native libraries of SQLite are inside DynamoDBLocal.jar.
UNUSED_GROUPS = (
    "com.google.code.findbugs",
    "com.google.errorprone",
    "com.google.j2objc",
    "commons-codec",
    "commons-logging",
    "io.netty",
    "org.apache.httpcomponents",
    "org.checkerframework",
    "org.hamcrest",
    "org.mockito",
    "org.objenesis",
)
UNUSED_ARTIFACTS = (
    "apache-client",
    "cognitoidentity",
    "cognitoidentityprovider",
    "jetty-alpn-client",
    "jetty-client",
    "listenablefuture",
    "netty-nio-client",
    "url-connection-client",
)


def main(lock: Path) -> None:
    """Resolves, downloads and hashes every jar, then replaces the lock; about half a minute."""
    (version,) = image_tags(yaml.safe_load(VALUES.read_text()))
    with tempfile.TemporaryDirectory() as folder:
        context = MavenContext(repo_cache=Path(folder), timeout=60)
        server = context.create_dependency(f"software.amazon.dynamodb:DynamoDBLocal:{version}")
        direct, transitive = PythonResolver().resolve([server])
        artifacts = [
            dependency.artifact
            for dependency in direct + transitive
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


def image_tags(values: Any) -> Iterator[str]:
    """Yields the tag of every image of DynamoDB Local in the chart's values."""
    if isinstance(values, dict):
        if values.get("repository") == IMAGE:
            yield values["tag"]
        for value in values.values():
            yield from image_tags(value)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
