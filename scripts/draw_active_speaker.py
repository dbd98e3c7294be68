#!/usr/bin/env python3
"""Former name of `livecc draw`, which the next release removes."""

from livecc.commands import renamed

if __name__ == "__main__":
    renamed("draw")
