// The page begins: data are unpacked, and each section draws itself.
(function (livecc) {
  "use strict";

  async function begin() {
    const data = JSON.parse(document.getElementById("data").textContent);
    if (data.served) livecc.media.source = livecc.media.server;
    const tracks = [];
    for (const packed of data.tracks) tracks.push(await livecc.columns.track(packed));
    for (const section of ["funnel", "explorer", "scatter", "clips", "player"]) livecc[section].begin();
    livecc.state.listen((what) => { if (what === "all") drawChoice(); });
    livecc.state.data = data;
    livecc.state.tracks = tracks;
    livecc.state.track = tracks[0];
    livecc.labels.begin();
    livecc.state.open(data, tracks);
    document.documentElement.classList.add("ready");
  }

  /** The track and the selection that are looked at. */
  function drawChoice() {
    const { el } = livecc.numbers;
    const { tracks, number, track, selection } = livecc.state;
    const make = (names, chosen, act) => names.map((name, n) => el("button", {
      type: "button", "aria-pressed": String(name === chosen), on: { click: () => act(n, name) },
    }, name));
    document.getElementById("tracks").replaceChildren(...make(tracks.map((one) => one.name), track.name,
      (n) => livecc.state.show(n, livecc.state.selection)));
    document.getElementById("selections").replaceChildren(...make(Object.keys(track.selections), selection,
      (_, name) => livecc.state.show(number, name)));
    document.getElementById("tracks").hidden = tracks.length < 2;
    for (const one of document.querySelectorAll("[data-track]")) one.hidden = one.dataset.track !== track.name;
  }

  begin().catch((error) => {
    const node = document.getElementById("fault");
    node.textContent = `This page could not be drawn (${error.message}). It needs Chromium or Chrome 103, `
      + "Firefox 113 or Safari 16.4, or newer.";
    node.hidden = false;
  });
})((globalThis.livecc = globalThis.livecc || {}));
