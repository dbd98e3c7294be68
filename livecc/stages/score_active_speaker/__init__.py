"""Stage B5: the share of a clip in which its speaker is visible. One score per clip.

Light-ASD receives faces and audio in windows of 6 s every 30 s and classifies each frame of each
face as speaking or not.
"""
