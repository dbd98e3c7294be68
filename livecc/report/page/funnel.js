// The funnel: what is left after each rule, for all selections of a track beside each other.
(function (livecc) {
  "use strict";

  const { el, count, length, nouns, percent, signed } = livecc.numbers;

  /** Totals of a selection as configured, kept for the track. */
  function sumsOf(track, name) {
    track.sums = track.sums || {};
    if (!track.sums[name]) {
      const chosen = livecc.decide.settings(track, name);
      const decided = livecc.decide.decide(track, chosen, null, null);
      track.sums[name] = { chosen, ...livecc.decide.totals(track, decided) };
    }
    return track.sums[name];
  }

  function bar(left, lost, open, all, ghost) {
    const share = (n) => `${all ? (100 * n) / all : 0}%`;
    const part = (name, n) => {
      const node = el("span", { className: `part ${name}` });
      node.style.width = share(n);
      return node;
    };
    const node = el("span", { className: "bar", "aria-hidden": "true" },
      part("kept", left), part("alone", lost), part("open", open));
    if (ghost !== null) {
      const mark = el("span", { className: "ghost", title: "as in the paper" });
      mark.style.left = share(ghost);
      node.append(mark);
    }
    return node;
  }

  function cell(name, parts, about, act, pressed) {
    const [left, lost] = about;
    return el("td", { data: { name } }, el("button", {
      type: "button", className: "step", "aria-pressed": String(pressed), on: { click: act },
    }, parts, el("span", { className: "figures" }, el("b", {}, left), el("span", {}, lost))));
  }

  function draw() {
    const { track, looking, data } = livecc.state;
    const names = Object.keys(track.selections);
    const about = document.getElementById("funnel-about");
    const scale = track.clips ? track.total / track.clips : 1;
    const near = scale > 1 ? "≈ " : "";
    const whole = (n) => near + count(n * scale);
    const long = (s) => near + length(s * scale);
    const told = [];
    const input = track.input;
    if (input) {
      told.push(nouns(input.lines, "line"), nouns(input.videos, "usable video"));
    }
    told.push(nouns(track.total, "clip"));
    about.textContent = `${told.join(" → ")}. `
      + (scale > 1
        ? `The page holds an even sample of ${count(track.clips)} of them; counts are scaled up. ` : "")
      + (track.missing_shards.length
        ? `${nouns(track.missing_shards.length, "shard")} not scored yet and left out.` : "");
    const table = document.getElementById("funnel-table");
    const head = el("tr", {}, el("th", { scope: "col" }, "step"),
      names.map((name) => el("th", { scope: "col" }, name)));
    const rows = [];
    const seen = (show, rule = null) => looking.show === show && looking.rule === rule;
    const row = (label, says, makeCell) => rows.push(el("tr", {},
      el("th", { scope: "row" }, el("span", { className: "name" }, label),
        says ? el("span", { className: "says" }, says) : null), names.map(makeCell)));
    const choose = (name, show, rule = null) => () => {
      if (livecc.state.selection !== name) livecc.state.show(livecc.state.number, name);
      livecc.state.look(show, rule);
    };
    const isNow = (name) => livecc.state.selection === name;
    const left = Object.fromEntries(names.map((name) => [name, {
      clips: track.clips, seconds: sumsOf(track, name).allSeconds,
    }]));
    if (input) inputRows(row, input);
    row("clips", "cut from captions or transcripts", (name) => cell(name,
      bar(track.clips, 0, 0, track.clips, null),
      [`${whole(track.clips)} · ${long(left[name].seconds)}`, ""],
      choose(name, "all"), isNow(name) && seen("all")));
    const steps = [{ name: "clip", says: "unusable clip", place: 0 },
      ...track.rules.map((rule, n) => ({ ...rule, place: n + 1 })),
      { name: "top", says: "below the best of the selection", place: track.rules.length + 1 }];
    for (const step of steps) {
      const used = names.filter((name) => step.place === 0
        ? sumsOf(track, name).dropped[0] : step.name === "top" ? sumsOf(track, name).chosen.top
          : sumsOf(track, name).chosen.rules[step.name]);
      if (!used.length) continue;
      row(step.name, step.says, (name) => {
        const sums = sumsOf(track, name);
        if (!used.includes(name)) return el("td", { className: "unused", data: { name } }, " not used");
        const before = left[name];
        const open = sums.toScore[step.place];
        const lost = sums.dropped[step.place] - open;
        const ghost = data.tracks && track.paper[step.name]
          ? before.clips * track.paper[step.name] : null;
        left[name] = {
          clips: before.clips - lost - open,
          seconds: before.seconds - sums.droppedSeconds[step.place],
        };
        const now = left[name];
        const parts = [`−${whole(lost)}`, before.clips ? `${percent(now.clips / before.clips)} stay` : ""];
        if (open) parts.push(`${whole(open)} to score`);
        if (ghost !== null) parts.push(`paper ${percent(track.paper[step.name])}`);
        return cell(name, bar(now.clips, lost, open, track.clips, ghost),
          [`${whole(now.clips)} · ${long(now.seconds)}`, parts.filter(Boolean).join(" · ")],
          choose(name, step.place ? "rule" : "unusable", step.place ? step.name : null),
          isNow(name) && (step.place ? seen("rule", step.name) : seen("unusable")));
      });
    }
    row("kept", "as configured", (name) => {
      const sums = sumsOf(track, name);
      const samples = track.samples[name];
      return cell(name, bar(sums.clips, 0, 0, track.clips, null),
        [`${whole(sums.clips)} · ${long(sums.seconds)}`,
          [`${percent(track.clips ? sums.clips / track.clips : NaN)} of all`,
            samples === undefined ? "" : `${nouns(samples, "sample")} written`].filter(Boolean).join(" · ")],
        choose(name, "kept"), isNow(name) && seen("kept"));
    });
    // Of a sample of the clips it is not known how many videos have none that is kept.
    if (scale === 1 && track.clips) {
      const videos = Math.max(input ? input.videos : 0, track.videos[track.clips - 1] + 1);
      row("kept videos", "with a kept clip", (name) => {
        const kept = sumsOf(track, name).videos;
        return cell(name, bar(kept, 0, 0, videos, null),
          [nouns(kept, "video"), `${percent(kept / videos)} of ${count(videos)}`],
          choose(name, "kept"), false);
      });
    }
    table.replaceChildren(el("thead", {}, head), el("tbody", {}, rows));
    document.getElementById("funnel-ghost").hidden = !Object.keys(track.paper).length;
  }

  /** Lines and videos: the same for all selections, which begin with clips. */
  function inputRows(row, input) {
    const { lines, videos } = input;
    const toProblems = () => document.getElementById("problems").scrollIntoView();
    const lost = [];
    if (input.failed_videos) lost.push(`−${count(input.failed_videos)} unusable`);
    if (input.dropped_videos) lost.push(`−${count(input.dropped_videos)} not wanted`);
    row("lines", "of the input", (name) => cell(name, bar(lines, 0, 0, lines, null),
      [nouns(lines, "line"), ""], toProblems, false));
    row("videos", "of which clips can be cut", (name) => cell(name,
      bar(videos, Math.max(0, lines - videos), 0, lines, null),
      [nouns(videos, "video"), [...lost, lines ? `${percent(videos / lines)} stay` : ""].filter(Boolean).join(" · ")],
      toProblems, false));
  }

  function begin() {
    livecc.state.listen((what) => { if (what === "all" || what === "looking") draw(); });
  }

  livecc.funnel = { begin, signed };
})((globalThis.livecc = globalThis.livecc || {}));
