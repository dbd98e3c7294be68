// Where texts, strips and copies of clips come from: this page, files beside it, or its server.
(function (livecc) {
  "use strict";

  function held(name) {
    const node = document.getElementById(name);
    return node ? node.textContent : null;
  }

  const played = new Map();
  /** Frames a second of a copy. */
  const COPY_RATE = 8;

  /** What a page without a server has. */
  const carried = {
    served: false,
    numbers(track) {
      if (!track.cardOf) track.cardOf = new Map(track.cards.map((card) => [card.n, card]));
      return track.cards.map((card) => card.n);
    },
    async cards(track, number, wanted) {
      carried.numbers(track);
      return wanted.map((n) => track.cardOf.get(n));
    },
    strip(number, card) {
      const text = card.strip ? held(`strip-${number}-${card.n}`) : null;
      return text ? `data:image/webp;base64,${text}` : null;
    },
    /**
     * {address, offset, rate}: a time t of the trainer's clock is t + offset in the file; a copy
     * shows `rate` frames a second.
     */
    film(number, card) {
      if (card.link) return { address: card.link, offset: card.offset };
      const name = `proxy-${number}-${card.n}`;
      if (!played.has(name)) {
        const text = held(name);
        if (!text) return null;
        const blob = new Blob([livecc.columns.bytesOf(text)], { type: "video/mp4" });
        played.set(name, URL.createObjectURL(blob));
      }
      return { address: played.get(name), offset: -card.video_start, rate: COPY_RATE };
    },
    /** The boxes of a clip's faces (faces.js); null if there are none. */
    async faces(number, card) {
      const text = card.boxes ? held(`boxes-${number}-${card.n}`) : null;
      return text ? livecc.faces.unpack(livecc.columns.bytesOf(text)) : null;
    },
  };

  /** What the server of `livecc browse` has: all clips, media straight from disk. */
  const server = {
    served: true,
    numbers(track) {
      if (!track.all) track.all = Array.from({ length: track.clips }, (_, n) => n);
      return track.all;
    },
    async cards(track, number, wanted) {
      track.cardOf = track.cardOf || new Map();
      const missing = wanted.filter((n) => !track.cardOf.has(n));
      if (missing.length) {
        const answer = await fetch(`clips/${number}?n=${missing.join(",")}`);
        if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
        for (const card of await answer.json()) track.cardOf.set(card.n, card);
      }
      return wanted.map((n) => track.cardOf.get(n));
    },
    async search(number, text) {
      const answer = await fetch(`search/${number}?text=${encodeURIComponent(text)}`);
      if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
      return answer.json();
    },
    strip: (number, card) => (card.strip ? `strip/${number}/${card.n}` : null),
    film: (number, card) => card.plays
      ? { address: `video/${number}/${card.n}`, offset: card.offset,
          copy: { address: `proxy/${number}/${card.n}`, offset: -card.video_start, rate: COPY_RATE } }
      : null,
    async faces(number, card) {
      if (!card.boxes) return null;
      const answer = await fetch(`boxes/${number}/${card.n}`);
      if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
      return livecc.faces.unpack(await answer.arrayBuffer());
    },
  };

  livecc.media = { carried, server, source: carried };
})((globalThis.livecc = globalThis.livecc || {}));
