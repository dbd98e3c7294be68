// What the page shows: a track, a selection, thresholds that may differ from the configured ones,
// and which clips are looked at. Sections draw themselves again when something changes.
(function (livecc) {
  "use strict";

  const listeners = [];

  const state = {
    data: null,
    tracks: [],
    track: null,
    number: 0,
    selection: "",
    chosen: null,
    base: null,
    decided: null,
    sums: null,
    baseDecided: null,
    baseSums: null,
    /** {show: "all" | "kept" | "rule" | "near" | "enters" | "leaves" | "waits" | "unusable", rule}. */
    looking: { show: "all", rule: null },
    masks: new Map(),

    listen(draw) { listeners.push(draw); },

    open(data, tracks) {
      state.data = data;
      state.tracks = tracks;
      state.show(0, null);
    },

    /** Show a track and one of its selections, as configured. */
    show(number, selection) {
      state.number = number;
      state.track = state.tracks[number];
      const names = Object.keys(state.track.selections);
      state.selection = names.includes(selection) ? selection
        : names.includes("default") ? "default" : names[0];
      state.looking = { show: "all", rule: null };
      state.reset();
    },

    reset() {
      state.masks = new Map();
      if (state.selection === undefined) {
        state.chosen = { on_unscored: "drop", on_unknown: "drop", top: null, rules: {} };
      } else state.chosen = livecc.decide.settings(state.track, state.selection);
      state.base = JSON.parse(JSON.stringify(state.chosen));
      state.baseDecided = livecc.decide.decide(state.track, state.base, null, null);
      state.baseSums = livecc.decide.totals(state.track, state.baseDecided);
      decideAgain(null, "all");
    },

    /** Give a rule other bounds; null switches it off. */
    change(rule, bounds) {
      if (bounds === null) {
        delete state.chosen.rules[rule];
        state.masks.delete(rule);
      } else state.chosen.rules[rule] = bounds;
      decideAgain(new Set([rule]), "thresholds");
    },

    /** Change `on_unscored`, `on_unknown` or `top`. */
    changeOther(key, value) {
      state.chosen[key] = value;
      decideAgain(new Set(), "thresholds");
    },

    look(show, rule = null) {
      state.looking = { show, rule };
      notify("looking");
    },

    /** Whether thresholds differ from the configured ones. */
    get changed() {
      return JSON.stringify(ordered(state.chosen)) !== JSON.stringify(ordered(state.base));
    },
  };

  function ordered(chosen) {
    return [chosen.on_unscored, chosen.on_unknown, chosen.top, state.track.rules.map((rule) => chosen.rules[rule.name] || null)];
  }

  function decideAgain(changed, what) {
    state.decided = livecc.decide.decide(state.track, state.chosen, state.masks, changed);
    state.sums = livecc.decide.totals(state.track, state.decided);
    notify(what);
  }

  function notify(what) {
    for (const draw of listeners) draw(what);
  }

  livecc.state = state;
})((globalThis.livecc = globalThis.livecc || {}));
