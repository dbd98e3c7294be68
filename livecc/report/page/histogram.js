// Histograms of a score, drawn on a canvas: kept clips, those that only this rule drops, the others.
(function (livecc) {
  "use strict";

  const BINS = 64;

  let read = null;

  /** The colours of the page's style sheet, which knows light from dark. */
  function colours() {
    if (read === null) {
      read = readColours();
      // They may change with the next frame.
      requestAnimationFrame(() => { read = null; });
    }
    return read;
  }

  function readColours() {
    const style = getComputedStyle(document.documentElement);
    const read = (name) => style.getPropertyValue(`--${name}`).trim();
    return {
      kept: read("kept"), alone: read("alone"), other: read("other"), open: read("open"),
      line: read("line"), text: read("quiet"), strong: read("text"), outside: read("outside"),
    };
  }

  const ends = new WeakMap();

  /** Between which two values all but the furthest of a column lie; found once for each column. */
  function middle(values) {
    if (!ends.has(values)) {
      const step = Math.max(1, Math.floor(values.length / 20000));
      const some = new Float64Array(Math.ceil(values.length / step));
      let count = 0;
      for (let k = 0; k < values.length; k += step) {
        if (Number.isFinite(values[k])) some[count++] = values[k];
      }
      const known = some.subarray(0, count).sort();
      ends.set(values, count
        ? [known[Math.floor(0.002 * (count - 1))], known[Math.ceil(0.998 * (count - 1))]] : [0, 1]);
    }
    return ends.get(values);
  }

  /** A range of a column that holds all but its furthest values, and `bounds`: {low, high}. */
  function range(values, bounds) {
    let [low, high] = middle(values);
    for (const bound of bounds) {
      if (!Number.isFinite(bound)) continue;
      low = Math.min(low, bound);
      high = Math.max(high, bound);
    }
    const room = (high - low) * 0.06 || Math.max(Math.abs(high) * 0.1, 0.05);
    const atZero = low >= 0 && low - room < 0;
    return { low: atZero ? 0 : low - room, high: low >= 0 && high <= 1 && high + room > 1 ? 1 : high + room };
  }

  /** For each value its bin, or BINS where there is none. */
  function binned(values, { low, high }) {
    const bins = new Uint8Array(values.length);
    const scale = BINS / (high - low);
    for (let k = 0; k < values.length; k++) {
      const value = values[k];
      if (!(value === value)) { bins[k] = BINS; continue; }
      const bin = Math.floor((value - low) * scale);
      bins[k] = bin < 0 ? 0 : bin >= BINS ? BINS - 1 : bin;
    }
    return bins;
  }

  /** Counts of kept, dropped by this rule alone, and others: three arrays of BINS. */
  function counted(bins, decided, place) {
    const kept = new Float64Array(BINS + 1);
    const alone = new Float64Array(BINS + 1);
    const other = new Float64Array(BINS + 1);
    const { droppedBy, fails, alone: only } = decided;
    for (let k = 0; k < bins.length; k++) {
      const bin = bins[k];
      if (droppedBy[k] < 0) kept[bin]++;
      else if (fails[k] === 1 && only[k] === place && droppedBy[k] !== 0) alone[bin]++;
      else other[bin]++;
    }
    return { kept, alone, other };
  }

  /** Places for about `count` round numbers on an axis. */
  function ticks(low, high, count) {
    const rough = (high - low) / count;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 2.5, 5, 10].map((n) => n * power).find((n) => n >= rough);
    const found = [];
    for (let n = Math.ceil(low / step - 1e-9); n * step <= high + 1e-9 * step; n++) {
      found.push(Math.round(n * step * 1e9) / 1e9);
    }
    return found;
  }

  function prepare(canvas) {
    const ratio = globalThis.devicePixelRatio || 1;
    const width = canvas.clientWidth, height = canvas.clientHeight;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    const pen = canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    pen.font = "11px system-ui, sans-serif";
    return { pen, width, height };
  }

  const FOOT = 18;

  /** Draw counts over a range; `inside(value)`: shading for what the bounds let in. */
  function draw(canvas, axis, counts, bounds) {
    const { pen, width, height } = prepare(canvas);
    if (!width) return;
    const paint = colours();
    const x = (value) => ((value - axis.low) / (axis.high - axis.low)) * width;
    const floor = height - FOOT;
    pen.fillStyle = paint.outside;
    if (bounds.low !== null) pen.fillRect(0, 0, x(bounds.low), floor);
    if (bounds.high !== null) pen.fillRect(x(bounds.high), 0, width - x(bounds.high), floor);
    let most = 1;
    for (let bin = 0; bin < BINS; bin++) {
      most = Math.max(most, counts.kept[bin] + counts.alone[bin] + counts.other[bin]);
    }
    const step = width / BINS;
    for (let bin = 0; bin < BINS; bin++) {
      let base = floor;
      for (const part of ["kept", "alone", "other"]) {
        const count = counts[part][bin];
        if (!count) continue;
        // A single clip among many is seen, too.
        const tall = Math.max(1.5, (count / most) * (floor - 6));
        pen.fillStyle = paint[part];
        pen.fillRect(bin * step + 0.5, base - tall, Math.max(1, step - 1), tall);
        base -= tall;
      }
    }
    pen.strokeStyle = paint.line;
    pen.beginPath();
    pen.moveTo(0, floor + 0.5);
    pen.lineTo(width, floor + 0.5);
    pen.stroke();
    pen.fillStyle = paint.text;
    pen.textBaseline = "top";
    for (const tick of ticks(axis.low, axis.high, Math.max(2, width / 70))) {
      const place = x(tick);
      const text = livecc.numbers.score(tick);
      const half = pen.measureText(text).width / 2;
      if (place - half < 0 || place + half > width) continue;
      pen.textAlign = "center";
      pen.fillText(text, place, floor + 5);
      pen.fillRect(Math.round(place), floor, 1, 3);
    }
  }

  livecc.histogram = { BINS, FOOT, range, binned, counted, ticks, draw, prepare, colours };
})((globalThis.livecc = globalThis.livecc || {}));
