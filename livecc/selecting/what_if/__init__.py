"""What-if: what other thresholds would keep, from stored scores."""
