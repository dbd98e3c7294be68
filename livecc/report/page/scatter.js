// Two scores against each other: kept and dropped clips, with the bounds of both rules as lines.
(function (livecc) {
  "use strict";

  const { el, score } = livecc.numbers;
  const state = livecc.state;
  const MOST = 8000;
  const EDGE = { left: 44, right: 8, top: 8, bottom: 30 };

  function choices() {
    return state.track.rules.filter((rule) => rule.value);
  }

  function fill() {
    const names = choices().map((rule) => rule.name);
    for (const [id, nth] of [["scatter-x", 0], ["scatter-y", 1]]) {
      const select = document.getElementById(id);
      select.replaceChildren(...names.map((name) => el("option", { value: name }, name)));
      const wanted = ["lm_loss", "words_per_second"].filter((name) => names.includes(name))[nth];
      select.value = wanted || names[Math.min(nth, names.length - 1)] || "";
    }
    document.getElementById("scatter").hidden = names.length < 2;
  }

  function draw() {
    const canvas = document.getElementById("scatter-plot");
    const [first, second] = ["scatter-x", "scatter-y"].map((id) => choices()
      .find((rule) => rule.name === document.getElementById(id).value));
    if (!first || !second || !canvas.clientWidth) return;
    const { pen, width, height } = livecc.histogram.prepare(canvas);
    const paint = livecc.histogram.colours();
    const axes = [first, second].map((rule) => {
      const bounds = Object.values(state.chosen.rules[rule.name] || {});
      return livecc.histogram.range(rule.value, bounds.filter((one) => typeof one === "number"));
    });
    const x = (value) => EDGE.left
      + ((value - axes[0].low) / (axes[0].high - axes[0].low)) * (width - EDGE.left - EDGE.right);
    const y = (value) => height - EDGE.bottom
      - ((value - axes[1].low) / (axes[1].high - axes[1].low)) * (height - EDGE.top - EDGE.bottom);
    pen.fillStyle = paint.text;
    pen.strokeStyle = paint.line;
    pen.textBaseline = "top";
    pen.textAlign = "center";
    for (const tick of livecc.histogram.ticks(axes[0].low, axes[0].high, width / 90)) {
      pen.fillText(score(tick), x(tick), height - EDGE.bottom + 5);
      pen.fillRect(Math.round(x(tick)), height - EDGE.bottom, 1, 3);
    }
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    for (const tick of livecc.histogram.ticks(axes[1].low, axes[1].high, height / 50)) {
      pen.fillText(score(tick), EDGE.left - 6, y(tick));
      pen.fillRect(EDGE.left - 3, Math.round(y(tick)), 3, 1);
    }
    pen.strokeRect(EDGE.left + 0.5, EDGE.top + 0.5, width - EDGE.left - EDGE.right, height - EDGE.top - EDGE.bottom);
    pen.save();
    pen.beginPath();
    pen.rect(EDGE.left, EDGE.top, width - EDGE.left - EDGE.right, height - EDGE.top - EDGE.bottom);
    pen.clip();
    const n = state.track.clips;
    const step = Math.max(1, n / MOST);
    const side = n > 3000 ? 2 : n > 300 ? 3 : 6;
    // Others first: what is kept, or dropped by one rule alone, is seen above them.
    const parts = { other: [], open: [], alone: [], kept: [] };
    for (let at = 0; at < n; at += step) {
      const k = Math.floor(at);
      const a = first.value[k], b = second.value[k];
      if (a === a && b === b) parts[partOf(k)].push(x(a) - side / 2, y(b) - side / 2);
    }
    for (const [part, places] of Object.entries(parts)) {
      pen.fillStyle = paint[part];
      pen.globalAlpha = part === "other" ? 0.55 : 0.8;
      for (let k = 0; k < places.length; k += 2) pen.fillRect(places[k], places[k + 1], side, side);
    }
    pen.globalAlpha = 1;
    pen.setLineDash([4, 3]);
    pen.strokeStyle = paint.strong;
    [first, second].forEach((rule, axis) => {
      for (const bound of Object.values(state.chosen.rules[rule.name] || {})) {
        if (typeof bound !== "number") continue;
        pen.beginPath();
        if (axis === 0) { pen.moveTo(x(bound), 0); pen.lineTo(x(bound), height); }
        else { pen.moveTo(0, y(bound)); pen.lineTo(width, y(bound)); }
        pen.stroke();
      }
    });
    pen.restore();
    canvas.setAttribute("aria-label", `Scatter of ${first.name} and ${second.name}`);
  }

  function partOf(k) {
    const { droppedBy, fails } = state.decided;
    if (droppedBy[k] < 0) return "kept";
    if (livecc.decide.waits(state.track, state.decided, k)) return "open";
    return fails[k] === 1 && droppedBy[k] > 0 ? "alone" : "other";
  }

  function begin() {
    state.listen((what) => {
      if (what === "looking") return;
      if (what === "all") fill();
      draw();
    });
    for (const id of ["scatter-x", "scatter-y"]) document.getElementById(id).addEventListener("change", draw);
    globalThis.addEventListener("resize", draw);
    globalThis.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  }

  livecc.scatter = { begin };
})((globalThis.livecc = globalThis.livecc || {}));
