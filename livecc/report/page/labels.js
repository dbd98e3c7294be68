// Judgements of clips, good or bad: kept by the browser for this page, saved and read as JSON
// (`livecc labels` reads the files).
(function (livecc) {
  "use strict";

  let kept = {};
  const listeners = [];

  function key() { return `livecc-labels-${livecc.state.data.id}`; }

  function open() {
    try {
      const text = localStorage.getItem(key());
      const read = text ? JSON.parse(text) : {};
      for (const track of Object.keys(read)) {
        for (const one of read[track]) put(track, one);
      }
    } catch { /* a browser without storage keeps them until the page is closed */ }
  }

  function put(track, one) {
    if (typeof one.clip !== "string" || !["good", "bad"].includes(one.label)) return false;
    const at = typeof one.at === "string" ? one.at : new Date().toISOString();
    kept[track] = kept[track] || new Map();
    kept[track].delete(one.clip);
    kept[track].set(one.clip, { clip: one.clip, label: one.label, at });
    return true;
  }

  function store() {
    const plain = {};
    for (const track of Object.keys(kept)) plain[track] = [...kept[track].values()];
    try { localStorage.setItem(key(), JSON.stringify(plain)); } catch { /* see above */ }
    for (const draw of listeners) draw();
  }

  function of(clip) {
    const found = (kept[livecc.state.track.name] || new Map()).get(clip);
    return found ? found.label : null;
  }

  /** Judge a clip; the same judgement again takes it back. */
  function judge(clip, label) {
    const track = livecc.state.track.name;
    if (of(clip) === label) kept[track].delete(clip);
    else put(track, { clip, label, at: new Date().toISOString() });
    store();
  }

  function toJson() {
    const { track, selection } = livecc.state;
    const labels = [...(kept[track.name] || new Map()).values()];
    return { version: 1, selection: selection || null, track: track.name, labels };
  }

  /** Add the labels of a file; the later judgement of a clip counts. Returns how many. */
  function add(text) {
    const read = JSON.parse(text);
    if (!read || read.version !== 1 || !Array.isArray(read.labels)) {
      throw new Error("this is no file of labels");
    }
    const names = livecc.state.tracks.map((track) => track.name);
    if (!names.includes(read.track)) throw new Error(`this page has no track ${read.track}`);
    let count = 0;
    for (const one of read.labels) {
      const before = one && (kept[read.track] || new Map()).get(one.clip);
      if (before && typeof one.at === "string" && before.at >= one.at) continue;
      if (one && put(read.track, one)) count++;
    }
    store();
    return count;
  }

  function clear() {
    delete kept[livecc.state.track.name];
    store();
  }

  function save() {
    const { el } = livecc.numbers;
    const told = toJson();
    const text = `${JSON.stringify(told, null, 1)}\n`;
    const address = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    const name = `labels_${told.track}_${told.selection}.json`;
    el("a", { href: address, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(address), 10000);
  }

  function draw() {
    const { count } = livecc.numbers;
    const labels = toJson().labels;
    const good = labels.filter((one) => one.label === "good").length;
    document.getElementById("labels-good").textContent = count(good);
    document.getElementById("labels-bad").textContent = count(labels.length - good);
    document.getElementById("labels-save").disabled = labels.length === 0;
    document.getElementById("labels-clear").disabled = labels.length === 0;
  }

  function begin() {
    open();
    const note = document.getElementById("labels-note");
    document.getElementById("labels-save").addEventListener("click", save);
    document.getElementById("labels-clear").addEventListener("click", () => {
      if (confirm("Remove all labels of this track from this page?")) clear();
    });
    document.getElementById("labels-load").addEventListener("change", async (event) => {
      const file = event.target.files[0];
      if (!file) return;
      try {
        const added = add(await file.text());
        note.textContent = `${livecc.numbers.nouns(added, "label")} read.`;
      } catch (error) {
        note.textContent = `${livecc.numbers.shown(file.name)} was not read: `
          + livecc.numbers.shown(error.message);
      }
      event.target.value = "";
    });
    listeners.push(draw);
    livecc.state.listen((what) => { if (what === "all") draw(); });
    draw();
  }

  livecc.labels = { begin, of, judge, add, toJson, listen: (act) => listeners.push(act) };
})((globalThis.livecc = globalThis.livecc || {}));
