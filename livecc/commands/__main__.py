"""`python -m livecc.commands` runs `livecc` where the program is not installed."""

from livecc.commands import main

main()
