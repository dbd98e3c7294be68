"""Limits on sizes of what others made: input files, archives, downloads.

A few kilobytes of compressed data can stand for gigabytes, and one line or text may be as long as
its file. Each limit is far above what real data need, and low enough that a job stays within its
memory and the disk.
"""

from __future__ import annotations

#: A line of an input file. Parsed, it may take 20 times as much memory.
MAX_INPUT_LINE_BYTES = 32 * 2**20
#: A line that the workflow wrote: the transcript of the largest input line is larger than it.
MAX_OWN_LINE_BYTES = 256 * 2**20
#: The last line of a training file, with the offsets of some 70 million samples.
MAX_OFFSETS_BYTES = 2**30
#: What is said in a video: some 150 hours of speech. Every sample has what was said before it.
MAX_SPOKEN_CHARACTERS = 8_000_000
#: A title or category; samples and prompts repeat it.
MAX_LABEL_CHARACTERS = 10_000
#: The path of a video; no file system opens a longer one.
MAX_PATH_BYTES = 4_096
#: A file of labels, or of clips to label: some 300,000 of them.
MAX_LABELS_BYTES = 64 * 2**20
#: How deeply nested JSON may be that is shown or written again.
MAX_DEPTH = 100
#: How many times its size a compressed file may unpack to, beyond the first bytes.
MAX_EXPANSION = 200
FREE_EXPANSION_BYTES = 2**30


def most_unpacked(packed_bytes: int) -> int:
    """The bytes that compressed data of this size may unpack to.

    Captions and scores unpack to 3 to 30 times their size, data made to fill a disk to thousands.
    """
    return max(FREE_EXPANSION_BYTES, MAX_EXPANSION * packed_bytes)


#: The manifest of a released file; those of large runs have some 100 kB.
MAX_MANIFEST_BYTES = 64 * 2**20
#: A caption file or the JSON of a speech recogniser; json3 of ten hours of speech has 40 MB. When
#: parsed, it takes 25 times as much memory: less than the 2 GB of a job that ingests.
MAX_CAPTION_FILE_BYTES = 64 * 2**20
#: An .info.json of yt-dlp: its lists of formats and machine translations may take a few MB.
MAX_INFO_FILE_BYTES = 64 * 2**20
#: The id of a video; YouTube's have 11 characters.
MAX_ID_CHARACTERS = 200
