"""Bytes as they pass by: refused where they are no text, and counted, to see short lines."""

from __future__ import annotations

import io
from codecs import getincrementaldecoder
from typing import Any, BinaryIO

import numpy as np

from chainrule.errors import DataError

LONGEST = 16 << 20  # bytes of a line
_BLOCK = 1 << 20


class Inspector:
    """Looks at a text file block by block, at memory's speed, without taking it apart.

    Args:
        where: the file, for errors.
        separator: what separates fields: one character.
        fields: how many fields each line has.

    Attributes:
        lines: the complete lines so far.
        even: the counts of separators and line ends so far prove that every line has as many fields
            as it should; never so once a quote or an empty line was seen, for then counting cannot
            tell.
    """

    def __init__(self, where: str, separator: str = ",", fields: int = 1) -> None:
        self.lines = 0
        self.even = len(separator) == 1
        self._where = where
        self._separator = ord(separator[0])
        self._fields = fields
        self._length = 0  # bytes of the line that the last block broke off, and separators in it
        self._separators = 0
        self._decoder = getincrementaldecoder("utf-8")()
        self._return = False  # the last block ended in a carriage return

    def feed(self, block: bytes | bytearray) -> None:
        """Look at the next block.

        Raises:
            DataError: it holds NUL bytes, bytes that are not UTF-8, or a line beyond 16 MB; with
                the line's number.
        """
        if self._return or b"\r" in block:
            block = self._plain_ends(block)
        self._must_be_text(block)
        end = block.rfind(b"\n") + 1
        self._count(block, end)
        self._length = len(block) - end + (0 if end else self._length)
        if self._length > LONGEST:
            where = f"{self._where}: line {self.lines + 1}"
            raise DataError(f"{where} is longer than {LONGEST >> 20} MB; is this a table?")

    def close(self) -> None:
        """Look at the end, where the last line may lack its line end."""
        if self._length or self._return:
            self.feed(b"\n")
        self._must_be_text(b"", final=True)

    def _plain_ends(self, block: bytes | bytearray) -> bytes | bytearray:
        """The block with line feeds for line ends; a carriage return at its end waits."""
        block = b"\r" * self._return + block
        self._return = block.endswith(b"\r")
        return _plain(block[: len(block) - self._return])

    def _must_be_text(self, block: bytes | bytearray, final: bool = False) -> None:
        if b"\0" in block:
            line = self.lines + 1 + block.count(b"\n", 0, block.index(b"\0"))
            raise DataError(
                f"{self._where}: line {line} holds NUL bytes: this is a binary file, not text"
            )
        waiting = len(self._decoder.getstate()[0])  # of a character that the last block broke off
        if block.isascii() and not waiting:
            return
        try:
            self._decoder.decode(block, final)
        except UnicodeDecodeError as bad:
            seen = bad.object[: bad.start]
            line = self.lines + 1 + seen.count(b"\n")
            column = (
                len(seen) - seen.rfind(b"\n") + (0 if b"\n" in seen else self._length - waiting)
            )
            raise DataError(
                f"{self._where}: line {line}, byte {column} (0x{bad.object[bad.start]:02x}) "
                "is not UTF-8; save the file as UTF-8"
            ) from None

    def _count(self, block: bytes | bytearray, end: int) -> None:
        """Count lines, and separators up to and beyond the block's last line end."""
        values = np.frombuffer(block, np.uint8)
        ends = int(np.count_nonzero(values == ord("\n")))
        self.lines += ends
        if self.even:
            all_ = int(np.count_nonzero(values == self._separator))
            beyond = block.count(self._separator, end)
            within = all_ - beyond + self._separators
            self.even = b'"' not in block and (not ends or within == ends * (self._fields - 1))
            self._separators = beyond if ends else within + beyond


def inspect(file: io.BufferedReader, inspector: Inspector) -> None:
    """Let the whole of a file pass."""
    buffer = bytearray(_BLOCK >> 2)  # one that stays in the processor's cache
    while count := file.readinto(buffer):
        inspector.feed(buffer if count == len(buffer) else buffer[:count])
    inspector.close()


def first_lines(file: BinaryIO, where: str, wanted: int = 100) -> tuple[list[str], bool]:
    """The first complete lines of a text file, each with its end, and whether that is the whole
    file.

    Fewer than wanted where they are longer than a megabyte together.

    Raises:
        DataError: as `Inspector.feed`.
    """
    inspector, text = Inspector(where), b""
    while inspector.lines < (wanted if len(text) < _BLOCK else 2):
        block = file.read(_BLOCK >> 4)
        if not block:
            inspector.close()
            return _split(text), True
        inspector.feed(block)
        text += block
    return _split(_plain(text.removesuffix(b"\r")).rpartition(b"\n")[0]), False


class Inspected(io.RawIOBase):
    """A file whose bytes an inspector sees before the reader does."""

    def __init__(self, file: BinaryIO, inspector: Inspector) -> None:
        self._file = file
        self._inspector = inspector

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what comes next, once the inspector has let it pass."""
        block = self._file.read(len(buffer))
        if block:
            self._inspector.feed(block)
        else:
            self._inspector.close()
        buffer[: len(block)] = block
        return len(block)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()


def _plain(text: bytes | bytearray) -> bytes | bytearray:
    return text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _split(text: bytes | bytearray) -> list[str]:
    return list(io.StringIO(text.decode("utf-8-sig"), newline=None))
