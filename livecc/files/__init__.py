"""File access: atomic writes, streaming reads."""
