"""B1: filter the records of the SFT track by category."""
