"""Where videos and captions come from: one module per format behind one interface.

A *source* is a list of *parts*, each of one format. It becomes shards of input lines in three
steps, each of which can be repeated for what has changed alone: `listing` looks at the folders and
says what belongs to which shard; `split` divides a large file of many videos, a *dump*, between the
shards; `shard` merges what belongs to one shard into its file of input lines.
"""
