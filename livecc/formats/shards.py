"""Valid shard names: they are used in paths, wildcards and commands."""

from __future__ import annotations

import re

SHARD_NAME = re.compile(r"[\w.][\w.+=@,-]{0,199}")
