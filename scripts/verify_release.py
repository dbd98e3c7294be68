#!/usr/bin/env python3
"""Former name of `livecc verify`, which the next release removes."""

from livecc.commands import renamed

if __name__ == "__main__":
    renamed("verify")
