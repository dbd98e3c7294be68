"""Facts of each video: what its metadata say, what its captions and its file come to.

They are scores like any other, one row a video. Bounds on them are rules of a selection, so that
what falls outside costs no later stage anything.
"""
