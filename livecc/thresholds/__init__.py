"""Thresholds: what a selection keeps, and which items a gate lets through to an expensive stage.

`kinds` has the kinds of threshold and the rules declared with them; `sets` has the thresholds of a
selection or gate as a whole.
"""
