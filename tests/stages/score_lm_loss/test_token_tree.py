from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from livecc.stages.score_lm_loss.token_tree import (
    build_token_forest,
    common_prefix,
    count_tree_tokens,
)

tokens = st.lists(st.integers(0, 2), min_size=1, max_size=8).map(lambda x: np.array(x, np.int64))
groups = st.lists(st.lists(tokens, min_size=1, max_size=6), min_size=1, max_size=4)


def read_by_mask(forest, row):
    """The ids that token `row` may look at, in order, and their depths."""
    keys = [k for k in range(len(forest)) if k <= row < forest.end[k]]
    return [int(forest.ids[k]) for k in keys], [int(forest.depth[k]) for k in keys]


@given(groups)
def test_every_sequence_is_a_path_of_its_tree(sequences):
    forest = build_token_forest([[(s, len(s)) for s in group] for group in sequences])
    flat = [s for group in sequences for s in group]
    for sequence, rows in zip(flat, forest.rows, strict=True):
        assert forest.ids[rows].tolist() == sequence.tolist()
        ids, depths = read_by_mask(forest, rows[-1])
        assert ids == sequence.tolist()
        assert depths == list(range(len(sequence)))


@given(groups)
def test_tokens_needed_later_are_the_ancestors_of_the_next_token(sequences):
    forest = build_token_forest([[(s, len(s)) for s in group] for group in sequences])
    for stop in range(1, len(forest)):
        needed = {k for k in range(stop) for q in range(stop, len(forest)) if q < forest.end[k]}
        assert {k for k in range(stop) if forest.end[k] > stop} == needed


@given(st.lists(tokens, min_size=1, max_size=6))
def test_tree_tokens_are_counted_without_building_it(sequences):
    forest = build_token_forest([[(s, 1) for s in sequences]])
    assert count_tree_tokens(sequences) == len(forest)


def test_growing_transcript_is_stored_once():
    trunk = np.arange(1000)
    clips = [np.concatenate([trunk[:n], [5000 + n, 6000 + n]]) for n in range(100, 1001, 100)]
    forest = build_token_forest([[(clip, 2) for clip in clips]])
    assert len(forest) == 1000 + 10 * 2


def test_common_prefix():
    assert common_prefix(np.array([1, 2, 3]), np.array([1, 2, 4, 5])) == 2
    assert common_prefix(np.array([1, 2]), np.array([1, 2, 4])) == 2
    assert common_prefix(np.array([], np.int64), np.array([1])) == 0
