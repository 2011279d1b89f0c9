"""Generates byte streams of HTTP requests: valid, odd and broken ones, in any pieces."""

from hypothesis import strategies as st

from tests.support.equal_routes import LIMIT


class Pieces(list[bytes]):
    """The pieces of a connection's stream; a failed test shows the start and the size of long ones."""

    def __repr__(self) -> str:
        return str([piece if len(piece) < SHOWN else (len(piece), piece[:SHOWN], piece[-SHOWN:]) for piece in self])


SHOWN = 200

METHODS = (b"GET", b"PUT", b"HEAD", b"post", b"CONNECT", b"OPTIONS")
PATHS = (b"/a", b"/a/", b"/a?b=c", b"/%61", b"/a#b", b"http://b/a", b"http://b/a?c")
TARGETS = (
    *(b"/a%2F", b"/a%3Fb", b"/A", b"/aa", b"/", b"//a", b"http://b", b"http://b:x/a", b"*", b"a", b"a:443"),
    *(b"/\xff", b"/a\xc3\xa9", b"/a b"),
)
VERSIONS = (b"HTTP/1.0", b"HTTP/0.9", b"HTTP/2.0", b"HTTP/1", b"")
HEADERS = (
    *(b"Host: b", b"Host: c", b"Signature: one", b"signature: two", b"SIGNATURE:\tthree ", b"Signature:"),
    *(b"Connection: close", b"Connection: keep-alive", b"CONNECTION: Close, x", b"Connection: Upgrade\r\nUpgrade: h2c"),
    *(b"Expect: 100-continue", b"expect: 100-Continue", b"Expect: x", b"Upgrade: websocket", b"x" * 500 + b": y"),
)
ODD_HEADERS = (
    *(b"Signature : four", b"Signature: \xff", b"Signature: five\x00", b"Signature: a\r\n b", b"no colon", b": empty"),
    *(b"Content-Length: 1", b"Content-Length: 5000", b"Content-Length: -1", b"Content-Length: +3"),
    *(b"Content-Length: 99999999999999999999", b"Content-Length: 1, 1", b"Content-Length: \xb2"),
    *(b"Transfer-Encoding: identity", b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding: chunked, gzip"),
    *(b"Transfer-Encoding : chunked", b"Transfer-Encoding: xchunked", b"\r\n".join([b"many: 1"] * 101)),
)
SIZES = (0, 0, 1, 2, 3, 100, LIMIT - 1, LIMIT, LIMIT + 1, 3 * LIMIT, 40_000)
CHUNK_ENDS = (b";x=y\r\n", b"; \r\n", b"\n", b"x\r\n")
LAST_CHUNKS = (
    *(b"00\r\n\r\n", b"0;x\r\n\r\n", b"0\r\nSignature: trailer\r\n\r\n", b"0\r\nx y\r\n\r\n", b"0\n\n"),
    *(b"g\r\n\r\n", b"-1\r\n\r\n", b"fffffffffffffffff\r\n", b""),
)
GAPS = (b"\r\n", b"\r\n\r\n", b"\n", b"\x00", b"GET", b"\x16\x03\x01")
BODY_START = b'{"a": "POST /a HTTP/1.1\r\n\r\n'


def _body(size: int) -> bytes:
    return (BODY_START * (size // len(BODY_START) + 1))[:size]


@st.composite
def _mostly(draw: st.DrawFn, usual: tuple[bytes, ...], odd: tuple[bytes, ...]) -> bytes:
    """One of the usual choices, and an odd one in one of ten draws."""
    return draw(st.sampled_from(odd if draw(st.integers(0, 9)) == 9 else usual))


@st.composite
def chunked(draw: st.DrawFn) -> bytes:
    """The chunks of a body."""
    sizes = draw(st.lists(st.sampled_from((1, 2, 10, 200, LIMIT)), max_size=5))
    chunks = [b"%x%s%s\r\n" % (size, draw(_mostly((b"\r\n",), CHUNK_ENDS)), _body(size)) for size in sizes]
    return b"".join(chunks) + draw(_mostly((b"0\r\n\r\n",), LAST_CHUNKS))


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """One request."""
    usual = (((b"POST",), METHODS), (PATHS, TARGETS), ((b"HTTP/1.1",), VERSIONS))
    line = b" ".join(draw(_mostly(*choices)) for choices in usual)
    headers = draw(st.lists(_mostly(HEADERS, ODD_HEADERS), max_size=2))
    kind = draw(
        st.sampled_from(("length", "length", "length", "length", "chunked", "chunked", "none", "both", "short"))
    )
    body = b""
    if kind != "none":
        body = _body(draw(st.sampled_from(SIZES)))
        headers.append(b"Content-Length: %d" % (len(body) + (kind == "short")))
    if kind == "both":
        headers.append(b"Transfer-Encoding: chunked")
    if kind == "chunked":
        headers[-1] = b"Transfer-Encoding: chunked"  # instead of the length
        body = draw(chunked())
    headers = draw(st.permutations(headers))
    return b"\r\n".join([line, *headers, b"", b""]) + body


@st.composite
def plain_requests(draw: st.DrawFn) -> bytes:
    """A request that any server accepts."""
    body = _body(draw(st.sampled_from(SIZES)))
    target = draw(st.sampled_from((b"/a", b"/a/", b"/a?b=c", b"/%61", b"/b")))
    lines = (b"", b"", b"", b"Signature: one\r\n", b"Expect: 100-continue\r\n")
    # A body that is refused early is not the last one: the client would still send, which resets a closed connection.
    end = draw(st.sampled_from((*lines, b"Connection: close\r\n") if len(body) <= LIMIT else lines))
    return b"POST %s HTTP/1.1\r\nHost: b\r\n%sContent-Length: %d\r\n\r\n%s" % (target, end, len(body), body)


@st.composite
def _pieces(draw: st.DrawFn, part: st.SearchStrategy[bytes], gaps: tuple[bytes, ...], parts: int = 4) -> Pieces:
    requests = draw(st.lists(part, min_size=1, max_size=parts))
    stream = b"".join(one + draw(_mostly((b"",), gaps)) for one in requests)
    cuts = sorted(draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    ends = zip([0, *cuts], [*cuts, len(stream)], strict=True)
    return Pieces(stream[start:end] for start, end in ends if start < end)


streams = _pieces(requests(), GAPS)
"""The pieces of a connection's stream, with up to four requests."""

plain_streams = _pieces(plain_requests(), (b"",))
"""The same, of requests that any server accepts."""

plain_requests_in_pieces = _pieces(plain_requests(), (b"",), parts=1)
"""A single one of these requests."""
