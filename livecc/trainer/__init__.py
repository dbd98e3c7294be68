"""What the LiveCC trainer makes of a sample: its reader is the judge of what is released."""
