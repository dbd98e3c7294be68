// A clip played: its words appear when they are said, the trainer's two frames a second tick below.
(function (livecc) {
  "use strict";

  const { el, clock, count, length, score, shown } = livecc.numbers;
  const state = livecc.state;
  const FRAMES_A_SECOND = 2;
  const player = { shown: null };
  let film = null;
  let offset = 0;
  let rate = null;
  let running = null;
  let words = [];
  // Boxes of faces: whether they are shown, and those of the clip.
  let showsFaces = true;
  let faces = null;

  const node = (name) => document.getElementById(`player-${name}`);

  /** Seconds on the trainer's clock, which words and frames are told in. */
  function now() {
    const video = node("video");
    return film ? video.currentTime - offset : Infinity;
  }

  function show(card) {
    const dialog = document.getElementById("player");
    stop();
    player.shown = card;
    node("title").textContent = shown(card.title) || shown(card.video);
    node("where").textContent = [shown(card.id), shown(card.category),
      `${clock(card.video_start)}–${clock(card.video_end)}`, length(card.end - card.start)]
      .filter(Boolean).join(" · ");
    node("query").hidden = !card.query;
    node("query-text").textContent = shown(card.query);
    node("previous").hidden = !card.previous_words;
    node("previous-count").textContent = `${count(card.previous_words)} words said before`;
    node("previous-text").textContent =
      (card.previous_words > 400 ? "… " : "") + shown(card.previous);
    words = card.words.map((word, n) => {
      const one = el("span", { className: "word" }, shown(word));
      one.at = card.from[n] / 100;
      one.until = card.to[n] / 100;
      return one;
    });
    node("words").replaceChildren(...words.flatMap((one, n) => n && !card.unspaced ? [" ", one] : [one]));
    fillVerdicts(card);
    fillTicks(card);
    fillVideo(card);
    fillFaces(card);
    drawJudges();
    if (!dialog.open) dialog.showModal();
    tick();
  }

  function fillVideo(card) {
    const video = node("video");
    film = livecc.media.source.film(state.number, card);
    node("silent").hidden = Boolean(film);
    video.hidden = !film;
    video.onerror = null;
    if (!film) { video.removeAttribute("src"); return; }
    const use = (one) => {
      offset = one.offset;
      rate = one.rate || null;
      video.src = one.address;
      video.currentTime = Math.max(0, card.video_start + offset);
      video.play().catch(() => { /* a browser may ask for a click */ });
    };
    if (film.copy) {
      // A container or codec that the browser does not know.
      video.onerror = () => { video.onerror = null; use(film.copy); };
    }
    video.addEventListener("loadedmetadata", () => {
      video.currentTime = Math.max(0, card.video_start + offset);
    }, { once: true });
    use(film);
  }

  // --- the trainer's frames ----------------------------------------------------------------------------

  function fillTicks(card) {
    const frames = Math.max(1, Math.ceil((card.video_end - card.video_start) * FRAMES_A_SECOND));
    const marks = node("ticks");
    const many = Math.min(frames, 480);
    marks.replaceChildren(...Array.from({ length: many }, () => el("i")));
    marks.setAttribute("aria-label", `${frames} frames, two a second`);
  }

  function tick() {
    const time = now();
    const card = player.shown;
    if (!card) return;
    let last = null;
    for (const word of words) {
      const said = time >= word.at;
      word.classList.toggle("said", said);
      word.classList.toggle("now", said && time < word.until && time !== Infinity);
      if (said) last = word;
    }
    if (last && film && !node("video").paused) follow(last);
    const frame = Math.floor((time - card.video_start) * FRAMES_A_SECOND);
    const marks = node("ticks").children;
    for (let n = 0; n < marks.length; n++) {
      marks[n].className = film && n === frame ? "now" : n < frame ? "taken" : "";
    }
    node("time").textContent = film ? `${clock(time)} · frame ${Math.max(0, Math.min(frame + 1, marks.length))} of ${marks.length}` : "";
    drawFaces(time);
    // Behind the end of the clip the file of `livecc browse` goes on.
    if (film && time > card.video_end + 0.1 && !node("video").paused) node("video").pause();
    running = film ? requestAnimationFrame(tick) : null;
  }

  function follow(word) {
    const box = node("words");
    const place = word.offsetTop - box.offsetTop;
    if (place < box.scrollTop || place > box.scrollTop + box.clientHeight - 40) box.scrollTop = place - 40;
  }

  function stop() {
    if (running !== null) cancelAnimationFrame(running);
    running = null;
    node("video").pause();
    film = null;
  }

  // --- faces -------------------------------------------------------------------------------------------

  async function fillFaces(card) {
    faces = null;
    drawFaces(0);
    node("faces").hidden = true;
    if (!film || !card.boxes) {
      // Why a page that should have boxes has none.
      if (film && state.track.no_boxes) sayNoFaces(state.track.no_boxes);
      return;
    }
    if (livecc.media.source.served) sayNoFaces("looking for faces …");
    let found;
    try {
      found = await livecc.media.source.faces(state.number, card);
    } catch (error) {
      found = { reason: error.message };
    }
    if (player.shown !== card || !found) return;
    if (found.reason) { sayNoFaces(`no boxes of faces: ${found.reason}`); return; }
    faces = found;
    node("faces").hidden = false;
    for (const part of ["show", "legend"]) node(`faces-${part}`).hidden = false;
    const spans = faces.windows.map(([first, points]) => {
      const [from, to] = [first, first + points].map((point) => faces.start + point / faces.rate);
      return el("button", {
        type: "button", className: "span", title: "go there",
        on: { click: () => { node("video").currentTime = from + offset; } },
      }, `${clock(from)}–${clock(to)}`);
    });
    node("faces-where").replaceChildren("looked at ", ...spans.flatMap((one, n) => n ? [" ", one] : [one]));
    drawToggle();
    drawFaces(now());
  }

  function sayNoFaces(text) {
    node("faces").hidden = false;
    for (const part of ["show", "legend"]) node(`faces-${part}`).hidden = true;
    node("faces-now").textContent = "";
    node("faces-where").replaceChildren(shown(text));
  }

  function drawFaces(time) {
    const some = faces && showsFaces ? livecc.faces.at(faces, shownAt(time)) : [];
    livecc.faces.draw(node("boxes"), node("video"), some);
    if (faces) {
      const told = livecc.faces.says(faces, shownAt(time));
      if (node("faces-now").textContent !== told) node("faces-now").textContent = told;
    }
  }

  /** The time of the frame that is seen: a copy has fewer of them. */
  function shownAt(time) {
    const { video_start: begin } = player.shown || { video_start: 0 };
    return rate ? begin + Math.floor((time - begin) * rate + 1e-3) / rate : time;
  }

  function drawToggle() {
    node("faces-show").setAttribute("aria-pressed", String(showsFaces));
    node("faces-legend").classList.toggle("off", !showsFaces);
  }

  /** Show boxes, or hide them; nothing if the clip has none. */
  function toggleFaces() {
    if (!player.shown || !faces) return false;
    showsFaces = !showsFaces;
    drawToggle();
    drawFaces(now());
    return true;
  }

  // --- the rules --------------------------------------------------------------------------------------

  function fillVerdicts(card) {
    const { track, chosen, decided } = state;
    const by = decided.droppedBy[card.n];
    const rows = track.rules.filter((rule) => chosen.rules[rule.name]).map((rule) => {
      const place = track.rules.indexOf(rule) + 1;
      const states = rule.of_score && rule.stage ? track.states[rule.stage] : null;
      const scored = !states || states[card.n] === livecc.decide.SCORED;
      const inside = state.masks.get(rule.name)[card.n];
      const bounds = livecc.kinds.of[rule.kind].bounds(chosen.rules[rule.name]);
      const told = Object.entries(bounds)
        .map(([name, value]) => `${name.replaceAll("_", " ")} ${Array.isArray(value) ? value.join(", ") : score(value)}`);
      const values = valuesOf(rule, card);
      const result = !scored ? (card.no_score[rule.name] ? "not scored" : "to be scored")
        : inside ? "inside" : "outside";
      return el("tr", { className: place === by ? "drops" : "" },
        el("th", { scope: "row" }, rule.name),
        el("td", {}, values || "–"),
        el("td", {}, shown(told.join("; "))),
        el("td", { className: result.replaceAll(" ", "-") }, result,
          !scored && card.no_score[rule.name] ? el("span", { className: "says" }, ` ${shown(card.no_score[rule.name])}`) : null));
    });
    node("verdicts").replaceChildren(...rows);
    const told = livecc.clips.verdict(card.n, card);
    node("verdict").replaceChildren(el("b", { className: told.part }, told.says), told.why ? ` ${shown(told.why)}` : "");
    node("source").textContent = card.line ? `${shown(card.shard)}, line ${card.line}` : shown(card.shard);
  }

  function valuesOf(rule, card) {
    const told = [];
    if (rule.label) {
      const code = rule.label[card.n];
      if (code >= 2) told.push(shown(rule.labels[code - 2]));
    }
    if (rule.value && !Number.isNaN(rule.value[card.n])) {
      told.push(rule.kind === "inside_video" ? `${score(rule.value[card.n])} s beyond` : score(rule.value[card.n]));
    }
    return told.join(" ");
  }

  function drawJudges() {
    const label = player.shown && livecc.labels.of(player.shown.id);
    for (const name of ["good", "bad"]) node(name).setAttribute("aria-pressed", String(label === name));
  }

  function begin() {
    const dialog = document.getElementById("player");
    dialog.addEventListener("close", () => { stop(); player.shown = null; });
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
    node("close").addEventListener("click", () => dialog.close());
    node("faces-show").addEventListener("click", toggleFaces);
    node("next").addEventListener("click", () => livecc.clips.move(1));
    node("before").addEventListener("click", () => livecc.clips.move(-1));
    for (const name of ["good", "bad"]) {
      node(name).addEventListener("click", () => livecc.labels.judge(player.shown.id, name));
    }
    livecc.labels.listen(drawJudges);
    // A word said is a place to go to.
    node("words").addEventListener("click", (event) => {
      const word = event.target.closest(".word");
      if (word && film) node("video").currentTime = word.at + offset;
    });
  }

  Object.assign(player, { begin, show, toggleFaces });
  livecc.player = player;
})((globalThis.livecc = globalThis.livecc || {}));
