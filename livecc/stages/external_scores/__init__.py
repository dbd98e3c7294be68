"""External scores: tables supplied by the user."""
