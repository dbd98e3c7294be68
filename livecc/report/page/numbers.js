// Numbers with units, and elements: all text of the page goes in as text, never as HTML.
(function (livecc) {
  "use strict";

  const THIN = "\u202f";

  /** An element with properties, attributes (of names with a dash, role, for...) and children. */
  function el(name, given = {}, ...children) {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(given)) {
      if (value === undefined || value === null) continue;
      if (key === "on") {
        for (const [event, act] of Object.entries(value)) node.addEventListener(event, act);
      } else if (key === "data") Object.assign(node.dataset, value);
      else if (key in node && !key.includes("-") && key !== "list") node[key] = value;
      else node.setAttribute(key, value);
    }
    node.append(...children.flat().filter((one) => one !== null && one !== undefined));
    return node;
  }

  function count(number) {
    return Math.round(number).toString().replace(/\B(?=(\d{3})+$)/g, THIN);
  }

  function signed(number, text = count) {
    if (number === 0) return "±0";
    return (number > 0 ? "+" : "−") + text(Math.abs(number));
  }

  function length(seconds) {
    if (seconds === 0) return `0${THIN}s`;
    if (seconds < 60) return `${seconds.toFixed(1)}${THIN}s`;
    if (seconds < 3600) return `${(seconds / 60).toFixed(1)}${THIN}min`;
    const hours = seconds / 3600;
    return `${hours < 100 ? hours.toFixed(1) : count(hours)}${THIN}h`;
  }

  /** 83.4 as 1:23. */
  function clock(seconds) {
    const whole = Math.max(0, Math.floor(seconds));
    const two = (n) => String(n).padStart(2, "0");
    const hours = Math.floor(whole / 3600);
    const rest = `${hours ? two(Math.floor(whole / 60) % 60) : Math.floor(whole / 60)}:${two(whole % 60)}`;
    return hours ? `${hours}:${rest}` : rest;
  }

  function percent(share) {
    if (!Number.isFinite(share)) return "–";
    const digits = share > 0 && (share < 0.01 || (share > 0.99 && share < 1)) ? 1 : 0;
    return `${(100 * share).toFixed(digits)}${THIN}%`;
  }

  /** A score with at most four digits behind the point, as in the tables. */
  function score(value) {
    if (typeof value !== "number") return String(value);
    if (Number.isNaN(value)) return "–";
    return String(Math.round(value * 1e4) / 1e4).replace("-", "−");
  }

  /** Plain digits, for YAML, command lines and fields. */
  function plain(value) {
    return String(Math.round(value * 1e4) / 1e4);
  }

  function nouns(number, noun) {
    return `${count(number)} ${noun}${number === 1 ? "" : "s"}`;
  }

  /** Text that forges no lines and hides nothing: marks of direction and control characters. */
  function shown(text) {
    return String(text).replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "\ufffd");
  }

  livecc.numbers = { el, count, signed, length, clock, percent, score, plain, nouns, shown };
})((globalThis.livecc = globalThis.livecc || {}));
