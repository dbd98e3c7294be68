"""Which frames the trainer's reader takes, in numbers (see `reader`)."""

from __future__ import annotations

#: Frames per second that the reader takes, and the most it takes.
FPS = 2.0
MAX_FRAMES = 480
#: Frames of the first chunk, and of every other.
FIRST_FRAMES = 6
CHUNK_FRAMES = 2
