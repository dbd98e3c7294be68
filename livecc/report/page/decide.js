// Which clips a set of thresholds keeps, as livecc/selecting/decisions.py and the what-if decide it.
(function (livecc) {
  "use strict";

  // What a clip has of a stage's score (livecc/report/clips.py).
  const SCORED = 0, FAILED = 1, TO_SCORE = 2, OUTSIDE = 3, ABSENT = 4;
  const NO_CLIP = 0, KEPT = -1;

  /** The thresholds of a selection: {on_unscored, on_unknown, top, rules: {name: bounds}}. */
  function settings(track, name) {
    const configured = track.selections[name];
    const rules = {};
    for (const rule of track.rules) {
      const bounds = configured[rule.name];
      if (bounds === undefined || bounds === null) continue;
      rules[rule.name] = rule.kind === "fixed"
        ? { of: name, configured: bounds } : JSON.parse(JSON.stringify(bounds));
    }
    return {
      on_unscored: configured.on_unscored || "drop",
      on_unknown: configured.on_unknown || "drop",
      top: track.ranks && configured.top ? { per: null, ...configured.top } : null,
      rules,
    };
  }

  function passes(track, rule, bounds) {
    return livecc.kinds.of[rule.kind].passes(rule, bounds, track.clips);
  }

  /**
   * The decisions on a track's clips.
   *
   * droppedBy: -1 for a kept clip, 0 for one that could not be made, else 1 + the place of the rule
   *   in track.rules. unscored: 1 where that rule had no score.
   * fails: of the rules with scores, how many a clip fails; alone: 1 + the place of the only one.
   * `masks` keeps what passes each rule between calls; a rule in `changed` is computed again.
   */
  function decide(track, chosen, masks, changed) {
    const n = track.clips;
    const droppedBy = new Int16Array(n).fill(KEPT);
    const unscored = new Uint8Array(n);
    const fails = new Uint8Array(n);
    const alone = new Int16Array(n);
    const ok = track.ok;
    for (let k = 0; k < n; k++) if (!ok[k]) droppedBy[k] = NO_CLIP;
    track.rules.forEach((rule, place) => {
      const bounds = chosen.rules[rule.name];
      if (!bounds) return;
      let inside = masks && masks.get(rule.name);
      if (!inside || !changed || changed.has(rule.name)) {
        inside = passes(track, rule, bounds);
        if (masks) masks.set(rule.name, inside);
      }
      const state = rule.of_score && rule.stage ? track.states[rule.stage] : null;
      const keeps = chosen.on_unscored === "keep" && rule.may_keep_unscored;
      const lenient = chosen.on_unknown === "keep" && rule.unknown ? rule.unknown : null;
      const number = place + 1;
      for (let k = 0; k < n; k++) {
        const scored = state === null || state[k] === SCORED;
        if (lenient !== null && scored && lenient[k]) continue;
        if (inside[k] && (scored || !keeps)) {
          // A kind may let in what has no value; the workflow counts it as unscored all the same.
          if (!scored && droppedBy[k] === KEPT) unscored[k] = 1;
          continue;
        }
        if (!scored && keeps) continue;
        if (scored) { fails[k]++; alone[k] = number; }
        if (droppedBy[k] === KEPT) {
          droppedBy[k] = number;
          if (!scored) unscored[k] = 1;
        }
      }
    });
    if (chosen.top) cut(track, chosen.top, droppedBy);
    return { droppedBy, unscored, fails, alone };
  }

  /**
   * Of the clips that pass all rules, keep the `top.keep` best by a column, of each `top.per`: with
   * the same value, those whose ids come first. The others, and those without a value, are dropped
   * by what comes behind the rules.
   */
  function cut(track, top, droppedBy) {
    const { order } = track.ranks;
    const value = track.ranks.by[top.by];
    const group = top.per ? track.ranks.per[top.per] : null;
    // Of a sample, as large a part as of all.
    const keep = Math.round(top.keep * (track.total ? track.clips / track.total : 1));
    const groups = new Map();
    for (let k = 0; k < droppedBy.length; k++) {
      if (droppedBy[k] !== KEPT) continue;
      if (!(value[k] === value[k])) { droppedBy[k] = track.rules.length + 1; continue; }
      const name = group === null ? 0 : group[k];
      if (!groups.has(name)) groups.set(name, []);
      groups.get(name).push(k);
    }
    for (const members of groups.values()) {
      if (members.length <= keep) continue;
      members.sort((a, b) => value[b] - value[a] || order[a] - order[b]);
      let places = 0, last = -1;
      for (const k of members) {
        // A clip that is in two shards counts once.
        if (order[k] !== last) { places++; last = order[k]; }
        if (places > keep) droppedBy[k] = track.rules.length + 1;
      }
    }
  }

  /**
   * Sums of decisions: clips, seconds and videos that are kept; by rule (place + 1, 0 for unusable
   * clips) those dropped, and of these without a score: still to score, failed, outside of an
   * explicit gate, absent from a table.
   */
  function totals(track, decided) {
    const n = track.clips;
    const count = track.rules.length + 2;
    const zero = () => new Float64Array(count);
    const sums = {
      clips: 0, seconds: 0, videos: 0, all: n, allSeconds: 0,
      dropped: zero(), droppedSeconds: zero(),
      toScore: zero(), toScoreSeconds: zero(), failed: zero(), outside: zero(), absent: zero(),
      // Of those dropped, the ones that only this rule drops, as far as there are scores.
      alone: zero(),
      categories: new Float64Array(track.categories.length + 1),
    };
    if (track.lastVideo === undefined) track.lastVideo = maximum(track.videos);
    const seen = new Uint8Array(track.lastVideo + 1);
    const stateOf = track.rules.map((rule) => (rule.stage ? track.states[rule.stage] : null));
    for (let k = 0; k < n; k++) {
      const seconds = track.seconds[k];
      sums.allSeconds += seconds;
      const by = decided.droppedBy[k];
      if (by === KEPT) {
        sums.clips++;
        sums.seconds += seconds;
        sums.categories[track.category[k]]++;
        if (!seen[track.videos[k]]) { seen[track.videos[k]] = 1; sums.videos++; }
        continue;
      }
      sums.dropped[by]++;
      sums.droppedSeconds[by] += seconds;
      if (by > 0 && decided.fails[k] === 1) sums.alone[decided.alone[k]]++;
      if (!decided.unscored[k] || by === NO_CLIP) continue;
      const state = stateOf[by - 1][k];
      if (state === TO_SCORE) { sums.toScore[by]++; sums.toScoreSeconds[by] += seconds; }
      else if (state === FAILED) sums.failed[by]++;
      else if (state === OUTSIDE) sums.outside[by]++;
      else if (state === ABSENT) sums.absent[by]++;
    }
    return sums;
  }

  function maximum(values) {
    let most = 0;
    for (let k = 0; k < values.length; k++) if (values[k] > most) most = values[k];
    return most;
  }

  /** Whether a clip without a score waits for one: it is neither kept nor dropped. */
  function waits(track, decided, k) {
    const by = decided.droppedBy[k];
    if (by <= 0 || by > track.rules.length || !decided.unscored[k]) return false;
    const stage = track.rules[by - 1].stage;
    return stage !== null && track.states[stage][k] === TO_SCORE;
  }

  livecc.decide = { settings, decide, totals, waits, passes, SCORED, FAILED, TO_SCORE, KEPT, NO_CLIP };
})((globalThis.livecc = globalThis.livecc || {}));
