"""Reads the bodies of HTTP requests: whole, with a size limit, and never past their end."""

from __future__ import annotations

import re
from email.message import Message
from io import BufferedIOBase

# The key of a WSGI environ that holds why the body of a request could not be read.
MALFORMED = "local_aws.malformed"
# A request's body is held in memory, so its size has a limit.
LARGEST_BODY = 2**30
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(;[^\r\n]*)?\r?\n")
_LONGEST_LINE = 8192
_MOST_TRAILERS = 100


class MalformedRequestError(Exception):
    """A request whose body cannot be read; the message says why."""


def read_body(headers: Message, stream: BufferedIOBase) -> bytes:
    """Read the whole body of a request.

    Raises
    ------
    MalformedRequestError
        If the length is missing, not a number, negative or above `LARGEST_BODY`, or the body ends early.
    """
    encoding = headers.get("Transfer-Encoding", "").strip().lower()
    length = headers.get("Content-Length")
    if encoding:
        if encoding != "chunked" or length is not None:
            raise MalformedRequestError(
                "A request has either a Content-Length or the Transfer-Encoding chunked."
            )
        return _read_chunks(stream)
    if length is None:
        return b""
    if not (length.isascii() and length.isdecimal()):
        raise MalformedRequestError(
            f"Content-Length is {length[:40]!r}; it must be a number of bytes, 0 or more."
        )
    _check_size(int(length))
    return _read_exactly(stream, int(length))


def _read_chunks(stream: BufferedIOBase) -> bytes:
    body = bytearray()
    while True:
        head = _CHUNK_SIZE.fullmatch(stream.readline(_LONGEST_LINE))
        if head is None:
            raise MalformedRequestError("A chunk of the body has no valid size, or the body ended early.")
        size = int(head[1], 16)
        if size == 0:
            break
        _check_size(len(body) + size)
        body += _read_exactly(stream, size)
        if stream.readline(3) not in (b"\r\n", b"\n"):
            raise MalformedRequestError("A chunk of the body is longer than its size says.")
    for _ in range(_MOST_TRAILERS):
        if stream.readline(_LONGEST_LINE) in (b"\r\n", b"\n", b""):
            return bytes(body)
    raise MalformedRequestError(f"The body has more than {_MOST_TRAILERS} trailers.")


def _read_exactly(stream: BufferedIOBase, size: int) -> bytes:
    body = stream.read(size)
    if len(body) < size:
        raise MalformedRequestError(f"The body ended after {len(body):,} of {size:,} bytes.")
    return body


def _check_size(size: int) -> None:
    if size > LARGEST_BODY:
        raise MalformedRequestError(f"The body is larger than {LARGEST_BODY:,} bytes; upload it in parts.")
