"""What captions say: text without markup, lines in order, units with times.

Every way in ends here, whatever its format: `clean_tracks` knows lines, not files.
"""
