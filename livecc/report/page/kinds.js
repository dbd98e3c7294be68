// The kinds of threshold, as livecc/thresholds/kinds.py decides them. Each has
//   passes(rule, bounds, n)  n numbers, 1 where a clip is inside
//   bounds(bounds)           the bounds in the form of the configuration, nulls left out
//   numbers                  its bounds that are numbers, with the words for them
// To add a kind, add it here and its columns to livecc/report/kinds.py.
(function (livecc) {
  "use strict";

  const GRID = 10000;

  /** The multiple of the grid that a typed or dragged number stands for. */
  function onGrid(number) {
    return Math.round(number * GRID) / GRID;
  }

  function chosen(labels, wanted) {
    // 0 is no label, 1 one that the page does not name.
    const inside = new Uint8Array(labels.length + 2);
    const names = new Set(wanted);
    labels.forEach((label, n) => { inside[n + 2] = names.has(label) ? 1 : 0; });
    return inside;
  }

  function known(bounds) {
    const given = {};
    for (const name of Object.keys(bounds)) {
      if (bounds[name] !== null && bounds[name] !== undefined) given[name] = bounds[name];
    }
    return given;
  }

  const band = {
    numbers: { min: "at least", max: "at most", below: "below" },
    passes(rule, bounds, n) {
      const { min = null, max = null, below = null } = bounds;
      const low = min === null ? -Infinity : min;
      const high = max === null ? Infinity : max;
      const end = below === null ? Infinity : below;
      const open = below === null;
      const inside = new Uint8Array(n);
      const value = rule.value;
      for (let k = 0; k < n; k++) {
        const one = value[k];
        // No comparison with NaN holds.
        inside[k] = one >= low && one <= high && (open || one < end) ? 1 : 0;
      }
      return inside;
    },
    bounds: known,
  };

  const language = {
    numbers: { min_confidence: "confidence at least" },
    listed: "labels",
    passes(rule, bounds, n) {
      const least = bounds.min_confidence || 0;
      const labels = chosen(rule.labels, bounds.labels);
      const inside = new Uint8Array(n);
      for (let k = 0; k < n; k++) {
        inside[k] = labels[rule.label[k]] && rule.value[k] >= least ? 1 : 0;
      }
      return inside;
    },
    bounds: known,
  };

  const oneOf = {
    numbers: {},
    passes(rule, bounds, n) {
      const labels = chosen(rule.labels, bounds[rule.key]);
      const inside = new Uint8Array(n);
      for (let k = 0; k < n; k++) inside[k] = labels[rule.label[k]];
      return inside;
    },
    bounds: known,
  };

  const insideVideo = {
    numbers: { max_seconds_beyond: "seconds beyond the last frame, at most" },
    passes(rule, bounds, n) {
      const inside = new Uint8Array(n);
      for (let k = 0; k < n; k++) inside[k] = rule.value[k] <= bounds.max_seconds_beyond ? 1 : 0;
      return inside;
    },
    bounds: known,
  };

  /** Decided by the workflow for the configured bounds, which `bounds.of` names by selection. */
  const fixed = {
    numbers: {},
    passes(rule, bounds, n) {
      return rule.masks[bounds.of] || new Uint8Array(n).fill(1);
    },
    bounds: (bounds) => known(bounds.configured),
  };

  livecc.kinds = {
    onGrid,
    of: { band, language, one_of: oneOf, inside_video: insideVideo, fixed },
  };
})((globalThis.livecc = globalThis.livecc || {}));
