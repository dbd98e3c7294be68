"""The content and location of every file."""
