"""Does a video file end before its own container says it does?

An interrupted download usually still opens: decoders read what is there and report a shorter video.
The container families used by video sites, and RIFF, state their own length, so truncation can be
detected from a few header bytes, without decoding:

- ISO base media (mp4, mov, m4a; ISO/IEC 14496-12, section 4.2): a sequence of boxes, each with its
  size; the last one must not extend beyond the end of the file, and one of them must be `moov`.
- Matroska and WebM (RFC 8794 and RFC 9559): an EBML header and one `Segment` with its size, unless
  the size is marked as unknown (a live stream).
- RIFF (wav, avi; IBM and Microsoft, Multimedia Programming Interface and Data Specifications 1.0):
  the size of everything that follows, unless the writer could not seek back to set it.

Other formats are never reported as truncated.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

# Box types that a file of the ISO family can begin with.
_ISO_FIRST_BOXES = {b"ftyp", b"styp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot"}
_EBML_HEADER_ID = b"\x1a\x45\xdf\xa3"
_SEGMENT_ID = b"\x18\x53\x80\x67"
# Programs that write wav to a pipe state the maximum size, 2 or 4 GB.
_RIFF_UNKNOWN = 0x7FFF0000


def cut_reason(path: Path | str) -> str | None:
    """Why the file at `path` is incomplete; None if it looks complete or has another format.

    Raises OSError when the file cannot be read.
    """
    path = Path(path)
    size = path.stat().st_size
    with path.open("rb") as handle:
        head = handle.read(8)
        handle.seek(0)
        if head[4:8] in _ISO_FIRST_BOXES:
            return _iso_cut(handle, size)
        if head[:4] == _EBML_HEADER_ID:
            return _matroska_cut(handle, size)
        if head[:4] == b"RIFF":
            return _riff_cut(head, size)
    return None


def _missing(expected: int, size: int) -> str:
    return f"the file is truncated: it has {size:,} bytes of at least {expected:,}"


def _iso_cut(handle: BinaryIO, size: int) -> str | None:
    position = 0
    types = set()
    while position + 8 <= size:
        handle.seek(position)
        header = handle.read(16)
        box_size = int.from_bytes(header[:4])
        types.add(header[4:8])
        if box_size == 1:  # a 64-bit size follows the type
            box_size = int.from_bytes(header[8:16])
        elif box_size == 0:  # to the end of the file
            break
        if box_size < 8:
            break  # padding or damage: leave the decision to the decoder
        if position + box_size > size:
            return _missing(position + box_size, size)
        position += box_size
    if b"moov" not in types:
        return "the file is truncated or was never finished: it has no index (moov box)"
    return None


def _matroska_cut(handle: BinaryIO, size: int) -> str | None:
    handle.seek(4)
    header_size = _ebml_size(handle)
    if header_size is None:
        return None
    handle.seek(header_size, 1)
    if handle.read(4) != _SEGMENT_ID:
        return None
    segment_size = _ebml_size(handle)
    if segment_size is None:
        return None
    end = handle.tell() + segment_size
    return _missing(end, size) if end > size else None


def _riff_cut(head: bytes, size: int) -> str | None:
    stated = int.from_bytes(head[4:8], "little")
    if stated >= _RIFF_UNKNOWN:
        return None
    end = len(head) + stated
    # Some writers count the padding byte of an odd length but omit it.
    return _missing(end, size) if end > size + 1 else None


def _ebml_size(handle: BinaryIO) -> int | None:
    """A variable-length integer (RFC 8794, section 4); None when it is absent or "unknown"."""
    first = handle.read(1)
    if not first or first[0] == 0:
        return None
    length = 9 - first[0].bit_length()
    value = first[0] & (0xFF >> length)
    value = int.from_bytes(bytes([value]) + handle.read(length - 1))
    unknown = (1 << (7 * length)) - 1
    return None if value == unknown else value
