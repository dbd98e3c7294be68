"""Readers of caption files: bytes become lines, and words where the file tells their times."""
