// Unpacking of columns (livecc/report/packing.py): base64, zlib, bytes by their place in a number.
(function (livecc) {
  "use strict";

  function bytesOf(base64) {
    const text = atob(base64);
    const bytes = new Uint8Array(text.length);
    for (let n = 0; n < bytes.length; n++) bytes[n] = text.charCodeAt(n);
    return bytes;
  }

  async function inflate(bytes) {
    const stream = new Blob([bytes]).stream();
    const plain = stream.pipeThrough(new DecompressionStream("deflate"));
    return new Uint8Array(await new Response(plain).arrayBuffer());
  }

  /** A column of `count` numbers: Float64Array, NaN where missing. */
  async function numbers(packed, count) {
    const planes = await inflate(bytesOf(packed.data));
    const values = new Float64Array(count);
    if (packed.form === "float64") {
      const bytes = new Uint8Array(values.buffer);
      for (let n = 0; n < count; n++) {
        for (let k = 0; k < 8; k++) bytes[8 * n + k] = planes[k * count + n];
      }
      return values;
    }
    for (let n = 0; n < count; n++) {
      let code = 0;
      for (let k = packed.bytes - 1; k >= 0; k--) code = code * 256 + planes[k * count + n];
      values[n] = code === packed.missing
        ? NaN : (code + packed.low) / packed.halves / packed.scale;
    }
    return values;
  }

  /** A column of `count` whole numbers, none missing: Int32Array. */
  async function codes(packed, count) {
    return Int32Array.from(await numbers(packed, count));
  }

  /** A column of `count` booleans: Uint8Array of 0 and 1. */
  async function mask(packed, count) {
    const bytes = await inflate(bytesOf(packed.data));
    const bits = new Uint8Array(count);
    for (let n = 0; n < count; n++) bits[n] = (bytes[n >> 3] >> (7 - (n & 7))) & 1;
    return bits;
  }

  /** A track of the page, with all of its columns unpacked. */
  async function track(packed) {
    const n = packed.clips;
    const rules = [];
    for (const rule of packed.rules) {
      const read = { ...rule };
      if (rule.value) read.value = await numbers(rule.value, n);
      if (rule.label) read.label = await codes(rule.label, n);
      if (rule.unknown) read.unknown = await mask(rule.unknown, n);
      if (rule.masks) {
        read.masks = {};
        for (const name of Object.keys(rule.masks)) {
          read.masks[name] = await mask(rule.masks[name], n);
        }
      }
      rules.push(read);
    }
    const states = {};
    for (const name of Object.keys(packed.states)) states[name] = await codes(packed.states[name], n);
    let ranks = null;
    if (packed.ranks) {
      ranks = { order: await codes(packed.ranks.order, n), by: {}, per: {} };
      for (const name of Object.keys(packed.ranks.by)) ranks.by[name] = await numbers(packed.ranks.by[name], n);
      for (const name of Object.keys(packed.ranks.per)) ranks.per[name] = await codes(packed.ranks.per[name], n);
    }
    const videos = await codes(packed.video_steps, n);
    for (let k = 1; k < n; k++) videos[k] += videos[k - 1];
    return {
      ...packed, rules, states, videos, ranks,
      ok: await codes(packed.ok, n),
      seconds: await numbers(packed.seconds, n),
      category: await codes(packed.category, n),
    };
  }

  livecc.columns = { bytesOf, inflate, track };
})((globalThis.livecc = globalThis.livecc || {}));
