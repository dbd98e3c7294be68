"""Planning a run: its jobs and what they would score."""
