// The threshold explorer: a panel for each rule, with handles, and what the thresholds keep.
(function (livecc) {
  "use strict";

  const { el, count, length, nouns, percent, plain, score, signed, shown } = livecc.numbers;
  const state = livecc.state;
  let panels = [];

  // --- one rule ----------------------------------------------------------------------------------

  /** Bounds that a rule gets when it is switched on without configured ones. */
  function first(rule) {
    if (rule.kind === "language") return { labels: rule.labels.slice(0, 1), min_confidence: 0 };
    if (rule.kind === "one_of") return { [rule.key]: [...rule.labels] };
    if (rule.kind === "inside_video") return { max_seconds_beyond: 0 };
    if (rule.kind === "fixed") {
      const [of] = Object.keys(rule.masks);
      return { of, configured: state.track.selections[of][rule.name] };
    }
    return {};
  }

  function panel(rule, place) {
    const kind = livecc.kinds.of[rule.kind];
    const title = `rule-${state.number}-${place}`;
    const on = el("input", { type: "checkbox", on: { change: toggle } });
    const figures = el("p", { className: "figures" });
    const body = el("div", { className: "bounds" });
    const node = el("article", { className: "rule", "aria-labelledby": title, data: { rule: rule.name } },
      el("header", {}, el("label", { className: "switch" }, on, el("h3", { id: title }, rule.name)),
        el("p", { className: "says" }, rule.says)));
    const one = { rule, node, place, handles: {}, fields: {}, boxes: [], canvas: null, axis: null, before: null };

    function toggle() {
      if (on.checked) state.change(rule.name, one.before || state.base.rules[rule.name] || first(rule));
      else {
        one.before = state.chosen.rules[rule.name];
        state.change(rule.name, null);
      }
    }

    if (rule.value) {
      const bounds = Object.values(state.track.selections)
        .flatMap((selection) => Object.values(selection[rule.name] || {}))
        .filter((bound) => typeof bound === "number");
      one.axis = livecc.histogram.range(rule.value, bounds);
      one.bins = livecc.histogram.binned(rule.value, one.axis);
      one.canvas = el("canvas", { className: "histogram", role: "img" });
      one.plot = el("div", { className: "plot" }, one.canvas);
      node.append(one.plot);
      for (const name of Object.keys(kind.numbers)) {
        one.handles[name] = handle(one, name);
        one.plot.append(one.handles[name]);
        one.fields[name] = field(one, name, kind.numbers[name]);
      }
    }
    body.append(...Object.values(one.fields).map((input) => input.closest("label")));
    if (rule.labels) body.append(choice(one));
    if (rule.kind === "fixed") {
      body.append(el("p", { className: "note" },
        "A kind of threshold of another package: shown as configured, it can only be switched off."));
    }
    node.append(figures, body);
    one.on = on;
    one.figures = figures;
    return one;
  }

  function bound(one, name, value) {
    const bounds = { ...(state.chosen.rules[one.rule.name] || first(one.rule)) };
    if (value === null || Number.isNaN(value)) {
      if (one.rule.kind === "inside_video") value = 0;
      else { delete bounds[name]; state.change(one.rule.name, bounds); return; }
    }
    bounds[name] = limited(one, name, livecc.kinds.onGrid(value));
    state.change(one.rule.name, bounds);
  }

  function limited(one, name, value) {
    if (name === "max_seconds_beyond") return Math.max(0, value);
    if (name === "min_confidence") return Math.min(1, Math.max(0, value));
    return value;
  }

  /** A line to drag, or to move by the arrow keys. */
  function handle(one, name) {
    const node = el("span", {
      className: `handle ${name}`, role: "slider", tabIndex: 0,
      "aria-label": `${one.rule.name} ${livecc.kinds.of[one.rule.kind].numbers[name]}`,
      "aria-valuemin": plain(one.axis.low), "aria-valuemax": plain(one.axis.high),
    });
    let waiting = null;
    const value = (event) => {
      const box = one.plot.getBoundingClientRect();
      const share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
      const step = stepOf(one) / 10;
      const raw = one.axis.low + share * (one.axis.high - one.axis.low);
      return Math.round(raw / step) * step;
    };
    node.addEventListener("pointerdown", (event) => {
      node.setPointerCapture(event.pointerId);
      node.classList.add("dragged");
      event.preventDefault();
      node.focus();
    });
    node.addEventListener("pointermove", (event) => {
      if (!node.hasPointerCapture(event.pointerId)) return;
      const wanted = value(event);
      if (waiting === null) {
        requestAnimationFrame(() => { const now = waiting; waiting = null; bound(one, name, now); });
      }
      waiting = wanted;
    });
    const drop = () => node.classList.remove("dragged");
    node.addEventListener("pointerup", drop);
    node.addEventListener("pointercancel", drop);
    node.addEventListener("keydown", (event) => {
      const steps = {
        ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10,
      }[event.key];
      if (!steps) return;
      event.preventDefault();
      event.stopPropagation();
      const now = (state.chosen.rules[one.rule.name] || {})[name];
      bound(one, name, (now === undefined ? one.axis.low : now) + steps * stepOf(one));
    });
    return node;
  }

  /** A round step of about a hundredth of the axis. */
  function stepOf(one) {
    const rough = (one.axis.high - one.axis.low) / 100;
    const power = 10 ** Math.floor(Math.log10(rough));
    return Math.max(1e-4, [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough));
  }

  function field(one, name, says) {
    const input = el("input", {
      type: "number", step: "any", placeholder: "none", inputMode: "decimal",
      on: { change: () => bound(one, name, input.value === "" ? null : Number(input.value)) },
    });
    el("label", { className: "bound" }, el("span", {}, says), input);
    return input;
  }

  /** Boxes for labels, the most common first. */
  function choice(one) {
    const { rule } = one;
    const key = rule.kind === "language" ? "labels" : rule.key;
    const counts = new Float64Array(rule.labels.length + 2);
    for (let k = 0; k < rule.label.length; k++) counts[rule.label[k]]++;
    const most = Math.max(1, ...counts);
    one.listed = key;
    const box = (label, n) => {
      const input = el("input", { type: "checkbox", on: { change() {
        const bounds = { ...(state.chosen.rules[rule.name] || first(rule)) };
        const wanted = new Set(bounds[key]);
        if (input.checked) wanted.add(label); else wanted.delete(label);
        bounds[key] = [...rule.labels, ...bounds[key]].filter((text, k, all) => wanted.has(text)
          && all.indexOf(text) === k);
        state.change(rule.name, bounds);
      } } });
      one.boxes.push([label, input]);
      const length_ = el("span", { className: "share", "aria-hidden": "true" });
      length_.style.width = `${(100 * counts[n + 2]) / most}%`;
      return el("label", { className: "label" }, input, el("span", { className: "text" }, shown(label)),
        el("span", { className: "count" }, count(counts[n + 2])), length_);
    };
    const boxes = rule.labels.map(box);
    const more = boxes.splice(8);
    return el("fieldset", { className: "labels" }, el("legend", {}, key), boxes,
      more.length ? el("details", {}, el("summary", {}, `${count(more.length)} more`), more) : null);
  }

  function drawPanel(one) {
    const { rule, place } = one;
    const bounds = state.chosen.rules[rule.name];
    const isOn = Boolean(bounds);
    one.on.checked = isOn;
    one.node.classList.toggle("off", !isOn);
    const sums = state.sums;
    const open = sums.toScore[place];
    const parts = [];
    if (isOn) {
      parts.push(`drops ${count(sums.dropped[place] - open)}`);
      const alone = sums.alone[place];
      if (alone) parts.push(`${count(alone)} of them alone`);
      if (open) parts.push(`${count(open)} would have to be scored`);
      if (sums.failed[place]) parts.push(`${count(sums.failed[place])} failed`);
      if (sums.outside[place]) parts.push(`${count(sums.outside[place])} outside its gate`);
      if (sums.absent[place]) parts.push(`${count(sums.absent[place])} not in its table`);
    } else parts.push("switched off");
    one.figures.textContent = parts.join(" · ");
    if (one.canvas) {
      const shape = livecc.histogram.counted(one.bins, state.decided, place);
      const low = isOn ? pick(bounds.min, bounds.min_confidence) : null;
      const ends = isOn ? [bounds.max, bounds.below, bounds.max_seconds_beyond]
        .filter((end) => end !== undefined && end !== null) : [];
      livecc.histogram.draw(one.canvas, one.axis, shape,
        { low, high: ends.length ? Math.min(...ends) : null });
      one.canvas.setAttribute("aria-label",
        `Histogram of ${rule.name} from ${score(one.axis.low)} to ${score(one.axis.high)}`);
    }
    for (const [name, node] of Object.entries(one.handles)) {
      const value = isOn ? bounds[name] : undefined;
      node.hidden = value === undefined || value === null;
      if (!node.hidden) {
        const share = (value - one.axis.low) / (one.axis.high - one.axis.low);
        node.style.left = `${100 * Math.min(1, Math.max(0, share))}%`;
        node.setAttribute("aria-valuenow", plain(value));
        node.dataset.value = score(value);
      }
      const input = one.fields[name];
      input.disabled = !isOn;
      if (document.activeElement !== input || input.value === "") {
        input.value = value === undefined || value === null ? "" : plain(value);
      }
    }
    const wanted = new Set(isOn && one.listed ? bounds[one.listed] : []);
    for (const [label, input] of one.boxes) {
      input.checked = wanted.has(label);
      input.disabled = !isOn;
    }
  }

  function pick(...values) {
    const found = values.find((value) => value !== undefined && value !== null);
    return found === undefined ? null : found;
  }

  // --- what is kept --------------------------------------------------------------------------------

  function drawLive() {
    const { sums, baseSums, track } = state;
    const scale = track.clips ? track.total / track.clips : 1;
    const near = scale > 1 ? "≈ " : "";
    const put = (name, text, difference) => {
      document.getElementById(`live-${name}`).textContent = text;
      const node = document.getElementById(`live-${name}-change`);
      node.textContent = difference;
      node.className = `change ${difference.startsWith("+") ? "more" : difference.startsWith("−") ? "less" : ""}`;
    };
    const [clips, base] = [sums.clips * scale, baseSums.clips * scale];
    put("clips", near + count(clips), signed(Math.round(clips - base)));
    put("hours", near + length(sums.seconds * scale),
      signed(Math.round(sums.seconds - baseSums.seconds), (n) => length(n * scale)));
    put("videos", near + count(sums.videos * scale), signed(Math.round((sums.videos - baseSums.videos) * scale)));
    document.getElementById("live-of").textContent =
      `of ${nouns(track.total, "clip")} (${percent(sums.clips / sums.all)}), ${length(sums.allSeconds * scale)}`;
    let enters = 0, leaves = 0, waits = 0;
    for (let k = 0; k < track.clips; k++) {
      const now = state.decided.droppedBy[k] < 0, before = state.baseDecided.droppedBy[k] < 0;
      if (now && !before) enters++;
      if (before && !now) leaves++;
    }
    for (const open of sums.toScore) waits += open;
    const told = [];
    if (state.changed) told.push(`${count(enters * scale)} enter, ${count(leaves * scale)} leave`);
    if (waits) told.push(`${count(waits * scale)} would have to be scored first`);
    document.getElementById("live-note").textContent = told.join("; ");
    document.getElementById("explorer-reset").disabled = !state.changed;
    document.getElementById("on-unscored").value = state.chosen.on_unscored;
    const unknown = document.getElementById("on-unknown");
    unknown.value = state.chosen.on_unknown;
    unknown.closest("label").hidden = !track.rules.some((rule) => rule.unknown);
    const { top } = state.chosen;
    const keep = document.getElementById("top-keep");
    keep.closest("label").hidden = !top;
    if (top) {
      keep.value = top.keep;
      document.getElementById("top-by").textContent = `by ${top.by}${top.per ? ` of each ${top.per}` : ""}`;
    }
    drawCategories();
  }

  function drawCategories() {
    const { track, sums, baseSums } = state;
    const names = ["(no category)", ...track.categories];
    if (!track.inCategory) {
      track.inCategory = new Float64Array(names.length);
      for (let k = 0; k < track.clips; k++) track.inCategory[track.category[k]]++;
    }
    const all = track.inCategory;
    const rows = names.map((name, n) => ({ name, kept: sums.categories[n], base: baseSums.categories[n], all: all[n] }))
      .filter((one) => one.all).sort((a, b) => b.all - a.all).slice(0, 12);
    const most = Math.max(1, ...rows.map((one) => one.all));
    document.getElementById("categories").replaceChildren(...rows.map((one) => {
      const bar = el("span", { className: "bar", "aria-hidden": "true" });
      for (const [name, number] of [["kept", one.kept], ["other", one.all - one.kept]]) {
        const part = el("span", { className: `part ${name}` });
        part.style.width = `${(100 * number) / most}%`;
        bar.append(part);
      }
      const change = one.kept - one.base;
      return el("tr", {}, el("th", { scope: "row" }, shown(one.name)),
        el("td", { className: "wide" }, bar),
        el("td", { className: "number" }, `${count(one.kept)} of ${count(one.all)}`),
        el("td", { className: `number change ${change > 0 ? "more" : change < 0 ? "less" : ""}` },
          change ? signed(change) : ""));
    }));
  }

  // --- the configuration to paste ------------------------------------------------------------------

  const PLAIN_TEXT = /^[A-Za-z][A-Za-z0-9_ ./-]*$/;
  const NO_TEXT = /^(true|false|yes|no|on|off|null|y|n)$/i;

  function yamlText(text) {
    return PLAIN_TEXT.test(text) && !NO_TEXT.test(text) && !/[ ]$/.test(text) && !text.includes(" #")
      ? text : JSON.stringify(text);
  }

  function yamlValue(value) {
    if (Array.isArray(value)) return `[${value.map(yamlValue).join(", ")}]`;
    if (value !== null && typeof value === "object") {
      return `{${Object.keys(value).map((name) => `${name}: ${yamlValue(value[name])}`).join(", ")}}`;
    }
    return typeof value === "number" ? plain(value) : typeof value === "string" ? yamlText(value) : String(value);
  }

  /** The configuration of the selection with these thresholds. */
  function yaml() {
    const { track, chosen, selection } = state;
    const lines = ["selections:", `  ${yamlText(selection)}:`, `    ${track.name}:`];
    for (const rule of track.rules) {
      const bounds = chosen.rules[rule.name];
      const configured = state.track.selections[selection][rule.name];
      if (!bounds) {
        if (configured) lines.push(`      ${rule.name}: null`);
        continue;
      }
      lines.push(`      ${rule.name}: ${yamlValue(livecc.kinds.of[rule.kind].bounds(bounds))}`);
    }
    if (chosen.top) lines.push(`      top: ${yamlValue(topBounds(chosen.top))}`);
    lines.push(`      on_unscored: ${chosen.on_unscored}`);
    if (track.rules.some((rule) => rule.unknown)) lines.push(`      on_unknown: ${chosen.on_unknown}`);
    return lines.join("\n");
  }

  function topBounds(top) {
    return livecc.kinds.of.band.bounds(top);
  }

  function quoted(text) {
    return /^[A-Za-z0-9_./,=:@%+-]+$/.test(text) ? text : `'${text.replace(/'/g, "'\\''")}'`;
  }

  /** The changes as arguments of `livecc what-if`: [rule.bound=value, ...]. */
  function changes() {
    const { track, chosen, base } = state;
    const told = [];
    for (const rule of track.rules) {
      const now = chosen.rules[rule.name], before = base.rules[rule.name];
      if (JSON.stringify(now) === JSON.stringify(before)) continue;
      if (!now) { told.push(`${rule.name}=none`); continue; }
      const bounds = livecc.kinds.of[rule.kind].bounds(now);
      const old = before ? livecc.kinds.of[rule.kind].bounds(before) : {};
      for (const name of new Set([...Object.keys(old), ...Object.keys(bounds)])) {
        if (JSON.stringify(bounds[name]) === JSON.stringify(old[name])) continue;
        const value = bounds[name];
        told.push(`${rule.name}.${name}=${value === undefined ? "none"
          : Array.isArray(value) ? value.join(",") : plain(value)}`);
      }
      if (!Object.keys(bounds).length && !before) told.push(`${rule.name}.min=none`);
    }
    if (chosen.top && chosen.top.keep !== base.top.keep) told.push(`top.keep=${chosen.top.keep}`);
    for (const key of ["on_unscored", "on_unknown"]) {
      if (chosen[key] !== base[key]) told.push(`${key}=${chosen[key]}`);
    }
    return told;
  }

  function command() {
    const files = state.data.configfiles.map(quoted).join(" ");
    const start = `livecc what-if --configfile ${files} --track ${state.track.name} --selection ${quoted(state.selection)}`;
    return [start, ...changes().map((one) => `  --set ${quoted(one)}`)].join(" \\\n");
  }

  function drawText() {
    document.getElementById("yaml").textContent = yaml();
    document.getElementById("what-if").textContent = command();
  }

  // --- all of it -----------------------------------------------------------------------------------

  function draw(what) {
    if (what === "looking") return;
    if (what === "all") {
      panels = state.track.rules.map((rule, n) => panel(rule, n + 1));
      document.getElementById("rules").replaceChildren(...panels.map((one) => one.node));
    }
    for (const one of panels) drawPanel(one);
    drawLive();
    drawText();
  }

  function begin() {
    state.listen(draw);
    document.getElementById("explorer-reset").addEventListener("click", () => state.reset());
    const unscored = document.getElementById("on-unscored");
    unscored.addEventListener("change", () => state.changeOther("on_unscored", unscored.value));
    const unknown = document.getElementById("on-unknown");
    unknown.addEventListener("change", () => state.changeOther("on_unknown", unknown.value));
    const keep = document.getElementById("top-keep");
    keep.addEventListener("change", () => {
      const number = Math.max(1, Math.round(Number(keep.value)) || 1);
      state.changeOther("top", { ...state.chosen.top, keep: number });
    });
    for (const button of document.querySelectorAll("[data-copies]")) {
      button.addEventListener("click", async () => {
        const text = document.getElementById(button.dataset.copies).textContent;
        try {
          await navigator.clipboard.writeText(text);
          button.textContent = "copied";
        } catch {
          const chosen = globalThis.getSelection();
          chosen.selectAllChildren(document.getElementById(button.dataset.copies));
          button.textContent = "selected: press Ctrl+C";
        }
        setTimeout(() => { button.textContent = "copy"; }, 2000);
      });
    }
    const again = () => { for (const one of panels) drawPanel(one); };
    globalThis.addEventListener("resize", again);
    globalThis.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  }

  livecc.explorer = { begin, yaml, changes, command, redraw: () => draw("thresholds") };
})((globalThis.livecc = globalThis.livecc || {}));
