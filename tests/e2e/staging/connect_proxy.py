"""An HTTP proxy for CONNECT, as companies have; it runs in a pod and prints the host of each tunnel."""

import asyncio

PORT = 3128


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        method, target, _ = (await reader.readuntil(b"\r\n\r\n")).decode().split(maxsplit=2)
        host, _, port = target.rpartition(":")
        upstream_reader, upstream_writer = await asyncio.open_connection(host, int(port))
    except (OSError, ValueError, asyncio.IncompleteReadError):
        writer.close()
        return
    print(method, host, flush=True)
    writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
    await asyncio.gather(_copy(reader, upstream_writer), _copy(upstream_reader, writer))


async def main() -> None:
    """Serves until the process is ended."""
    server = await asyncio.start_server(_serve, port=PORT)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
