"""The model of the langid package, evaluated for many texts at once.

langid (Lui and Baldwin 2012) counts byte n-grams with an automaton, one Python step per byte, and
classifies the counts with naive Bayes. Here the automaton makes one numpy step for a whole batch,
and naive Bayes is a matrix product over the visited states: dense for frequently visited states,
sparse for the others. Labels and confidences equal those of langid's `classify` with
`norm_probs=True`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from livecc.declaration import Setup
from livecc.errors import LiveccError
from livecc.stages.identify_language.engine import UNDETERMINED, LanguageIdentifier
from livecc.stages.identify_language.pieces import PieceIdentifier

# Bytes of text processed at once; memory use is some tens of times this.
_BATCH_BYTES = 512 * 2**10
# Texts are split into pieces of this many bytes, processed in parallel. Short pieces make wide
# steps; long ones process fewer bytes twice.
_PIECE_BYTES = 128
# A state with more than one visit per this many texts is counted densely: a column of the dense
# product is then cheaper than its entries in the sparse one.
_TEXTS_PER_DENSE_VISIT = 4
_SAMPLE = 4

Array = np.ndarray[Any, Any]


class LangidIdentifier:
    """langid's own 97 languages. Raises LiveccError when the package is not installed."""

    @classmethod
    def load(cls, setup: Setup) -> LanguageIdentifier:
        """The package contains its model. In default mode, texts are identified by their pieces."""
        whole = cls()
        return whole if setup.mode == "paper" else PieceIdentifier(whole)

    def __init__(self) -> None:
        try:
            from langid import langid
        except ImportError:
            raise LiveccError(
                "the language engine langid needs the package langid: pip install langid"
            ) from None
        model = langid.LanguageIdentifier.from_modelstring(langid.model)
        self._labels = [str(label) for label in model.nb_classes]
        moves = np.array(model.tk_nextmove, np.int32)
        n_states = len(moves) // 256  # below 2**16, because langid stores them in 16 bits
        # (n_states * 256,): at 256 * state + byte, 256 * next state.
        self._next = moves * 256
        # (n_states, n_labels): log-likelihood that a visit to a state adds to each label.
        self._state_scores = np.zeros((n_states, len(self._labels)))
        for state, features in model.tk_output.items():
            self._state_scores[state] = model.nb_ptc[list(features)].sum(axis=0, dtype=np.float64)
        self._emits = np.zeros(n_states, np.bool_)
        self._emits[list(model.tk_output)] = True
        self._prior = np.asarray(model.nb_pc, np.float64)
        self._memory_bytes = _synchronising_length(moves.reshape(n_states, 256))

    def identify(self, texts: Sequence[str]) -> list[tuple[str, float]]:
        """(label, confidence) of each text; "und" and 0 for white space only."""
        results = [UNDETERMINED] * len(texts)
        batch: list[int] = []
        encoded: list[bytes] = []
        size = 0
        for index, text in enumerate(texts):
            if not text.strip():
                continue
            batch.append(index)
            # "replace": half of a surrogate pair cannot be encoded and carries no information.
            encoded.append(text.encode("utf-8", "replace"))
            size += len(encoded[-1])
            if size >= _BATCH_BYTES:
                self._identify_batch(batch, encoded, results)
                batch, encoded, size = [], [], 0
        self._identify_batch(batch, encoded, results)
        return results

    def _identify_batch(
        self, batch: Sequence[int], encoded: Sequence[bytes], results: list[tuple[str, float]]
    ) -> None:
        if not batch:
            return
        scores = self._log_probabilities(encoded)
        scores -= scores.max(axis=1, keepdims=True)
        best = scores.argmax(axis=1)
        confidence = 1.0 / np.exp(scores).sum(axis=1)
        for index, label, value in zip(batch, best.tolist(), confidence.tolist(), strict=True):
            results[index] = (self._labels[label], value)

    def _log_probabilities(self, texts: Sequence[bytes]) -> Array:
        """(n_texts, n_labels) unnormalised log-probabilities."""
        lengths = np.array([len(text) for text in texts])
        total = np.zeros((len(texts), len(self._labels)))
        # A text longer than a batch is processed in parts to bound memory.
        longest = int(lengths.max())
        if longest > 2 * _BATCH_BYTES:
            for row, text in enumerate(texts):
                for low in range(0, len(text), _BATCH_BYTES):
                    lead = min(low, self._memory_bytes)
                    total[row] += self._scores([text[low - lead : low + _BATCH_BYTES]], lead)[0]
        else:
            total = self._scores(texts, 0)
        return total + self._prior

    def _scores(self, texts: Sequence[bytes], lead: int) -> Array:
        """(n_texts, n_labels) sum of state scores after each byte except the first `lead`."""
        from scipy.sparse import csr_matrix

        lengths = np.array([len(text) for text in texts])
        pieces = -(-lengths // _PIECE_BYTES)
        states = self._walk(b"".join(texts), lengths, pieces)
        states.reshape(-1)[:lead] = 0

        # A sample of the pieces is enough to find the frequently visited states.
        sample = states[::_SAMPLE]
        visits = np.bincount(sample.ravel(), minlength=len(self._emits)) * self._emits
        dense = visits * (_SAMPLE * _TEXTS_PER_DENSE_VISIT) > len(texts)
        n_dense = int(dense.sum())
        # Two extra columns: visits for the sparse product, and visits that emit nothing.
        width = n_dense + 2
        column = np.where(self._emits, n_dense, n_dense + 1)
        column[dense] = np.arange(n_dense)
        cell = column.take(states)
        rare = np.flatnonzero(cell == n_dense)
        cell += np.repeat(np.arange(len(texts)) * width, pieces)[:, None]
        counts = np.bincount(cell.ravel(), minlength=len(texts) * width).reshape(-1, width)
        rare_visits = csr_matrix(
            (
                np.ones(len(rare)),
                states.ravel()[rare],
                np.concatenate([[0], np.cumsum(counts[:, n_dense])]),
            ),
            shape=(len(texts), len(self._emits)),
        )
        scores = counts[:, :n_dense].astype(np.float64) @ self._state_scores[dense]
        return np.asarray(scores + rare_visits @ self._state_scores)

    def _walk(self, data: bytes, lengths: Array, pieces: Array) -> Array:
        """The state after every byte: (n_pieces, _PIECE_BYTES), 0 after the end of a text.

        State 0, the automaton's start, emits nothing. A piece that is not the first of its text
        starts `_memory_bytes` earlier, because after so many bytes the state no longer depends on
        what came before.
        """
        text_of_piece = np.repeat(np.arange(len(lengths)), pieces)
        rank = np.arange(len(text_of_piece)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
        begin = rank * _PIECE_BYTES
        size = np.minimum(lengths[text_of_piece] - begin, _PIECE_BYTES)
        # Longest first, so the pieces still active at a step are a prefix.
        order = np.argsort(-size, kind="stable")
        running = np.searchsorted(-size[order], -np.arange(_PIECE_BYTES), side="left")
        lead = self._memory_bytes
        stream = np.zeros(len(data) + lead + _PIECE_BYTES, np.uint8)
        stream[lead : lead + len(data)] = np.frombuffer(data, np.uint8)
        windows = np.lib.stride_tricks.sliding_window_view(stream, lead + _PIECE_BYTES)
        offset = (np.cumsum(lengths) - lengths)[text_of_piece] + begin
        # (lead + _PIECE_BYTES, n_pieces): the bytes that the pieces read at each step.
        steps = np.ascontiguousarray(windows[offset[order]].T)

        state = np.zeros(len(order), np.int32)
        inner = np.flatnonzero(rank[order] > 0)
        early = state[inner]
        for step in range(lead):
            early = self._next.take(early + steps[step, inner])
        state[inner] = early
        by_step = np.zeros((_PIECE_BYTES, len(order)), np.uint16)
        for step, n in enumerate(running.tolist()):
            state = self._next.take(state[:n] + steps[lead + step, :n])
            np.right_shift(state, 8, out=by_step[step, :n], casting="unsafe")
        states = np.empty((len(order), _PIECE_BYTES), np.uint16)
        states[order] = by_step.T
        return states


def _synchronising_length(moves: Array) -> int:
    """The number of bytes after which the state no longer depends on the initial state.

    `moves`: (n_states, 256). The state of langid's automaton depends only on the last few bytes,
    those of its longest n-gram; this computes how many.
    """
    n_states = len(moves)
    one = np.arange(n_states, dtype=np.int64)
    other = np.zeros(n_states, np.int64)
    for length in range(64):
        if not len(one):
            return length
        one, other = moves[one].ravel().astype(np.int64), moves[other].ravel().astype(np.int64)
        apart = np.unique((one * n_states + other)[one != other])
        one, other = apart // n_states, apart % n_states
    raise LiveccError(
        "the model of the package langid is not an n-gram automaton; install langid 1.1.6"
    )
