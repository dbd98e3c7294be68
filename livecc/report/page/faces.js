// Boxes around faces, drawn over a clip that plays (livecc/report/boxes.py packs them).
(function (livecc) {
  "use strict";

  const SVG = "http://www.w3.org/2000/svg";

  /** {start, rate, windows, tracks, planes}, or {reason}; `bytes` are those of the page. */
  async function unpack(bytes) {
    const plain = await livecc.columns.inflate(bytes);
    const end = plain.indexOf(10);
    const read = JSON.parse(new TextDecoder().decode(plain.subarray(0, end)));
    if (read.reason) return read;
    const total = read.tracks.reduce((sum, [, count]) => sum + count, 0);
    const planes = plain.slice(end + 1);
    for (let plane = 0; plane < 5; plane++) {
      for (let n = 1; n < total; n++) planes[plane * total + n] += planes[plane * total + n - 1];
    }
    return { ...read, total, planes };
  }

  /** Whether the scorer looked at the picture at a time (seconds on the trainer's clock). */
  function looked(faces, time) {
    const point = pointOf(faces, time);
    return faces.windows.some(([first, count]) => point >= first && point < first + count);
  }

  // A time that a browser rounds down is still that of its frame.
  function pointOf(faces, time) { return Math.floor((time - faces.start) * faces.rate + 1e-3); }

  /** The faces at a time: {left, top, right, bottom}, shares of the picture, and {score}. */
  function at(faces, time) {
    const point = pointOf(faces, time);
    const found = [];
    let begin = 0;
    for (const [first, count] of faces.tracks) {
      if (point >= first && point < first + count) {
        const [left, top, right, bottom, score] = [0, 1, 2, 3, 4]
          .map((plane) => faces.planes[plane * faces.total + begin + point - first]);
        found.push({
          left: left / 255, top: top / 255, right: right / 255, bottom: bottom / 255,
          score: (score - 128) / 10,
        });
      }
      begin += count;
    }
    return found;
  }

  /** Where a video element shows its picture: {x, y, width, height} in its own pixels. */
  function place(video) {
    const { clientWidth, clientHeight, videoWidth, videoHeight } = video;
    const scale = Math.min(clientWidth / videoWidth, clientHeight / videoHeight) || 0;
    const [width, height] = [videoWidth * scale, videoHeight * scale];
    return { x: (clientWidth - width) / 2, y: (clientHeight - height) / 2, width, height };
  }

  function make(name, given = {}) {
    const node = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(given)) node.setAttribute(key, value);
    return node;
  }

  /** Draw some faces over a video. Who speaks has a thick line, the others a dashed one. */
  function draw(svg, video, some) {
    while (svg.children.length > some.length) svg.lastChild.remove();
    while (svg.children.length < some.length) {
      const group = make("g");
      // A dark line below, so that the box is seen on any picture.
      group.append(make("rect", { class: "below" }), make("rect", { class: "edge" }), make("text"));
      svg.append(group);
    }
    if (!some.length) return;
    const frame = place(video);
    some.forEach((face, n) => {
      const group = svg.children[n];
      const [below, edge, text] = group.children;
      group.setAttribute("class", face.score > 0 ? "face speaks" : "face still");
      const left = frame.x + face.left * frame.width;
      const top = frame.y + face.top * frame.height;
      for (const rect of [below, edge]) {
        rect.setAttribute("x", left);
        rect.setAttribute("y", top);
        rect.setAttribute("width", Math.max(0, (face.right - face.left) * frame.width));
        rect.setAttribute("height", Math.max(0, (face.bottom - face.top) * frame.height));
      }
      text.setAttribute("x", left + 4);
      // Inside the box if there is no room above it.
      text.setAttribute("y", top > 18 ? top - 5 : top + 15);
      text.textContent = (face.score > 0 ? "+" : face.score < 0 ? "−" : "") + Math.abs(face.score).toFixed(1);
    });
  }

  /** What is seen at a time, in words. */
  function says(faces, time) {
    if (!looked(faces, time)) return "not looked at here";
    const some = at(faces, time);
    if (!some.length) return "no face";
    const speaking = some.filter((face) => face.score > 0).length;
    return `${livecc.numbers.nouns(some.length, "face")}, ${speaking ? `${speaking} speaking` : "none speaking"}`;
  }

  livecc.faces = { unpack, looked, at, draw, place, says };
})((globalThis.livecc = globalThis.livecc || {}));
