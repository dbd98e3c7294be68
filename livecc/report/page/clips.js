// The clips: which to look at, their cards, and moving among them by keys.
(function (livecc) {
  "use strict";

  const { el, clock, count, length, nouns, score, shown } = livecc.numbers;
  const state = livecc.state;
  const STEP = 24;
  let list = [];
  let visible = STEP;
  let at = -1;
  let turn = 0;

  /** What the thresholds of now make of clip n: {part, says, why}. */
  function verdict(n, card) {
    const { decided, track } = state;
    const by = decided.droppedBy[n];
    if (by < 0) return { part: "kept", says: "kept", why: "" };
    if (by === 0) return { part: "other", says: "unusable", why: (card && card.reason) || "" };
    if (by > track.rules.length) {
      const { top } = state.chosen;
      return { part: "other", says: "top", why: `below the best ${count(top.keep)} by ${top.by}` };
    }
    const rule = track.rules[by - 1];
    if (decided.unscored[n]) {
      if (livecc.decide.waits(track, decided, n)) {
        return { part: "open", says: `${rule.name}: to be scored`, why: "outside the gate of the last run: it would have to be scored" };
      }
      const reason = card && card.no_score[rule.name];
      return { part: "other", says: rule.name, why: `not scored: ${reason || "outside the gate"}` };
    }
    return { part: decided.fails[n] === 1 ? "alone" : "other", says: rule.name, why: why(rule, n) };
  }

  /** Why a rule drops a clip, in words. */
  function why(rule, n) {
    const bounds = state.chosen.rules[rule.name] || {};
    const value = rule.value ? rule.value[n] : NaN;
    if (rule.unknown && rule.unknown[n]) return "unknown";
    if (rule.kind === "band") {
      if (Number.isNaN(value)) return `${rule.name} is not a number`;
      if (bounds.min !== undefined && value < bounds.min) return `${score(value)} < ${score(bounds.min)}`;
      if (bounds.max !== undefined && value > bounds.max) return `${score(value)} > ${score(bounds.max)}`;
      return `${score(value)} ≥ ${score(bounds.below)}`;
    }
    if (rule.kind === "inside_video") {
      return `its last word needs a frame ${score(value)} s behind the last one`;
    }
    if (rule.labels) {
      const label = rule.label[n] >= 2 ? rule.labels[rule.label[n] - 2] : rule.label[n] ? "another" : "none";
      const wanted = bounds.labels || bounds[rule.key] || [];
      if (!wanted.includes(label)) return `${label} is not ${wanted.join(" or ") || "wanted"}`;
      return `${label} with confidence ${score(value)} < ${score(bounds.min_confidence)}`;
    }
    return rule.says;
  }

  // --- which clips -----------------------------------------------------------------------------------

  /** Distance of a clip to the nearest number of a rule; infinite without one. */
  function distance(rule, n) {
    const bounds = Object.values(state.chosen.rules[rule.name] || {})
      .filter((one) => typeof one === "number");
    const value = rule.value ? rule.value[n] : NaN;
    return Number.isNaN(value) || !bounds.length ? Infinity
      : Math.min(...bounds.map((bound) => Math.abs(value - bound)));
  }

  function wanted() {
    const { decided, baseDecided, looking, track } = state;
    const place = looking.rule === "top" ? track.rules.length + 1
      : track.rules.findIndex((rule) => rule.name === looking.rule) + 1;
    const by = decided.droppedBy;
    return {
      all: () => true,
      kept: (n) => by[n] < 0,
      unusable: (n) => by[n] === 0,
      rule: (n) => by[n] === place && !livecc.decide.waits(track, decided, n),
      near: (n) => distance(track.rules[place - 1], n) < Infinity,
      enters: (n) => by[n] < 0 && baseDecided.droppedBy[n] >= 0,
      leaves: (n) => by[n] >= 0 && baseDecided.droppedBy[n] < 0,
      waits: (n) => livecc.decide.waits(track, decided, n),
      good: (n) => labelOf(n) === "good",
      bad: (n) => labelOf(n) === "bad",
    }[looking.show] || (() => true);
  }

  function labelOf(n) {
    const card = state.track.cardOf && state.track.cardOf.get(n);
    return card ? livecc.labels.of(card.id) : null;
  }

  function textOf(card) {
    if (!card.searched) {
      card.searched = [card.id, card.title, card.category, card.query, card.words.join(" ")]
        .join("\n").toLowerCase();
    }
    return card.searched;
  }

  async function choose() {
    const mine = ++turn;
    const source = livecc.media.source;
    const text = document.getElementById("search").value.trim().toLowerCase();
    const fits = wanted();
    let numbers = source.numbers(state.track);
    if (text && source.served) numbers = await source.search(state.number, text);
    if (mine !== turn) return;
    numbers = numbers.filter(fits);
    if (text && !source.served) {
      numbers = numbers.filter((n) => textOf(state.track.cardOf.get(n)).includes(text));
    }
    if (state.looking.show === "near") {
      const rule = state.track.rules.find((one) => one.name === state.looking.rule);
      const far = new Map(numbers.map((n) => [n, distance(rule, n)]));
      numbers = [...numbers].sort((a, b) => far.get(a) - far.get(b));
    }
    list = numbers;
    await draw(mine);
  }

  // --- cards -----------------------------------------------------------------------------------------

  function card(one, place) {
    const told = verdict(one.n, one);
    const strip = livecc.media.source.strip(state.number, one);
    const picture = strip
      ? el("img", { className: "strip", src: strip, alt: "", decoding: "async" })
      : pictured() ? el("span", { className: "strip none" }, el("span", {}, "no picture")) : null;
    const seconds = one.end - one.start;
    const label = livecc.labels.of(one.id);
    const judge = (name, key) => el("button", {
      type: "button", className: `judge ${name}`, "aria-pressed": String(label === name),
      title: `${name} (${key})`,
      on: { click(event) { event.stopPropagation(); livecc.labels.judge(one.id, name); } },
    }, name);
    return el("li", { className: `card ${told.part}`, tabIndex: -1, data: { place, clip: one.n } },
      el("button", { type: "button", className: "open", on: { click: () => open(place) } },
        picture || [],
        el("span", { className: picture ? "title" : "title bare" }, shown(one.title) || shown(one.video)),
        el("span", { className: "where" },
          `${shown(one.video)} · ${clock(one.video_start)}–${clock(one.video_end)} · ${length(seconds)}`),
        el("span", { className: "verdict" }, el("b", { className: told.part }, told.says), told.why ? ` ${shown(told.why)}` : ""),
        el("span", { className: "words" }, shown(one.words.slice(0, 40).join(one.unspaced ? "" : " "))),
        el("span", { className: "scores" }, scores(one))),
      el("span", { className: "judges" }, judge("good", "g"), judge("bad", "b"),
        one.plays ? el("span", { className: "plays", title: "a copy of this clip plays" }, "▶") : null));
  }

  /** Whether any clip has a picture; where none has, no room is left for them. */
  function pictured() {
    return livecc.media.source.served || state.track.cards.some((one) => one.strip);
  }

  function scores(one) {
    return Object.entries(one.scores).map(([name, value]) => el("span", { className: "score" },
      el("span", { className: "name" }, name.replaceAll("_", " ")), ` ${shown(score(value))}`));
  }

  async function draw(mine = ++turn) {
    const node = document.getElementById("cards");
    const note = document.getElementById("clips-count");
    const some = list.slice(0, visible);
    let cards;
    try {
      cards = await livecc.media.source.cards(state.track, state.number, some);
    } catch (error) {
      note.textContent = `The clips could not be read: ${error.message}`;
      return;
    }
    if (mine !== turn) return;
    node.replaceChildren(...cards.map(card));
    const all = livecc.media.source.numbers(state.track).length;
    note.textContent = livecc.media.source.served || all === state.track.clips
      ? `${count(list.length)} of ${nouns(all, "clip")}`
      : `${count(list.length)} of the ${nouns(all, "clip")} that this page carries, of ${count(state.track.total)}`;
    document.getElementById("clips-more").hidden = list.length <= visible;
    document.getElementById("clips-none").hidden = list.length > 0;
    mark();
  }

  function mark() {
    const nodes = document.getElementById("cards").children;
    if (at >= nodes.length) at = nodes.length - 1;
    for (const [place, node] of [...nodes].entries()) node.classList.toggle("current", place === at);
  }

  function open(place) {
    at = place;
    mark();
    const n = list[place];
    livecc.player.show(state.track.cardOf.get(n));
  }

  /** Go to the next clip (+1) or the one before (−1). */
  async function move(step) {
    if (!list.length) return;
    at = Math.min(list.length - 1, Math.max(0, at + step));
    if (at >= visible) { visible += STEP; await draw(); }
    mark();
    const node = document.getElementById("cards").children[at];
    if (!node) return;
    if (livecc.player.shown) livecc.player.show(state.track.cardOf.get(list[at]));
    else {
      node.focus({ preventScroll: true });
      node.scrollIntoView({ block: "nearest" });
    }
  }

  function judge(label) {
    const n = livecc.player.shown ? livecc.player.shown.n : list[at];
    const one = state.track.cardOf && state.track.cardOf.get(n);
    if (one) livecc.labels.judge(one.id, label);
  }

  function fill() {
    const select = document.getElementById("looking");
    const option = (show, rule, text) => el("option", { value: rule ? `${show} ${rule}` : show }, text);
    const used = state.track.rules.filter((rule) => state.chosen.rules[rule.name]);
    select.replaceChildren(
      option("all", null, "all clips"),
      option("kept", null, "kept"),
      el("optgroup", { label: "dropped by" }, used.map((rule) => option("rule", rule.name, rule.name)),
        state.chosen.top ? option("rule", "top", "top") : [], option("unusable", null, "unusable")),
      el("optgroup", { label: "nearest to a threshold of" },
        used.filter((rule) => rule.value).map((rule) => option("near", rule.name, rule.name))),
      el("optgroup", { label: "other thresholds" }, option("enters", null, "clips that enter"),
        option("leaves", null, "clips that leave"), option("waits", null, "clips to be scored")),
      el("optgroup", { label: "judged" }, option("good", null, "good"), option("bad", null, "bad")),
    );
    const { show, rule } = state.looking;
    select.value = rule ? `${show} ${rule}` : show;
    if (select.selectedIndex < 0) select.value = "all";
  }

  let later = null;

  function begin() {
    state.listen((what) => {
      if (what !== "thresholds") {
        visible = STEP;
        at = -1;
        fill();
        choose();
        return;
      }
      // While a handle moves, its histogram comes first.
      clearTimeout(later);
      later = setTimeout(() => { fill(); choose(); }, 120);
    });
    livecc.labels.listen(() => draw());
    document.getElementById("looking").addEventListener("change", (event) => {
      const [show, ...rule] = event.target.value.split(" ");
      state.look(show, rule.length ? rule.join(" ") : null);
    });
    let typed = null;
    document.getElementById("search").addEventListener("input", () => {
      clearTimeout(typed);
      typed = setTimeout(() => { visible = STEP; at = -1; choose(); }, 150);
    });
    document.getElementById("clips-more").addEventListener("click", () => { visible += 2 * STEP; draw(); });
    document.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const target = event.target;
      if (target.matches("input:not([type=checkbox]), select, textarea")) {
        if (event.key === "Escape") target.blur();
        return;
      }
      const act = {
        j: () => move(1), k: () => move(-1), g: () => judge("good"), b: () => judge("bad"),
        f: () => livecc.player.toggleFaces(),
        "/": () => document.getElementById("search").focus(),
        Enter: () => { if (target.classList.contains("card")) open(at); else return false; },
      }[event.key];
      if (act && act() !== false) event.preventDefault();
    });
  }

  livecc.clips = { begin, verdict, why, move };
})((globalThis.livecc = globalThis.livecc || {}));
