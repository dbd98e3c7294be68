"""A1: cut caption tracks into clips."""
