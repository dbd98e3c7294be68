"""The stages of the workflow, one package each, and what they share."""
