// Plays the adaptive stream in the place of the original once somebody presses play. Without this
// script, without a stream, or when the stream fails, the page plays the original.
"use strict";

(() => {
  const video = document.getElementById("video");
  const choice = document.getElementById("quality");
  const stream = video?.dataset.stream;
  if (!stream) {
    return;
  }
  const original = video.src;
  if (!window.Hls?.isSupported()) {
    // Safari on telephones plays streams by itself, and chooses the quality by itself.
    if (video.canPlayType("application/vnd.apple.mpegurl")) {
      video.addEventListener("error", () => { video.src = original; }, { once: true });
      video.src = stream;
    }
    return;
  }

  const AUTO = -1;
  let playsStream = false;
  const hls = new Hls({
    // Who only reads the page fetches no video.
    autoStartLoad: false,
    // Until it has measured: most lines carry 720p, and short videos end before it would rise to it.
    abrEwmaDefaultEstimate: 2_500_000,
    capLevelToPlayerSize: true,
    // The policy of the page lets none run; segments of fragmented MP4 need no work.
    enableWorker: false,
  });

  function offerQualities(levels) {
    // What people call a quality by is its shorter side.
    const sizes = new Map(levels.map((level, n) => [Math.min(level.width, level.height), n]));
    if (sizes.size < 2) {
      return;
    }
    for (const [size, level] of [...sizes].sort(([one], [other]) => other - one)) {
      choice.add(new Option(`${size}p`, level));
    }
    choice.parentElement.hidden = false;
  }

  function playOriginal() {
    const { currentTime, paused } = video;
    video.removeEventListener("play", playStream);
    video.removeEventListener("error", playStream);
    hls.destroy();
    choice.parentElement.hidden = true;
    if (!playsStream) {
      return;
    }
    video.src = original;
    video.currentTime = currentTime;
    if (!paused) {
      video.play().catch(() => {});
    }
  }

  function playStream() {
    if (playsStream) {
      return;
    }
    playsStream = true;
    // The original has told its length by now, and perhaps somebody has moved in it.
    const { currentTime, paused } = video;
    hls.attachMedia(video);
    hls.startLoad(currentTime || -1);
    if (!paused) {
      video.play().catch(() => {});
    }
  }

  hls.on(Hls.Events.MANIFEST_PARSED, (_, { levels }) => {
    offerQualities(levels);
    if (!video.paused || video.error) {
      playStream();
      return;
    }
    video.addEventListener("play", playStream);
    // A browser may be unable to play the original.
    video.addEventListener("error", playStream);
  });
  hls.on(Hls.Events.LEVEL_SWITCHED, (_, { level }) => {
    const { width, height } = hls.levels[level];
    const shown = hls.autoLevelEnabled ? ` (${Math.min(width, height)}p)` : "";
    choice.options[0].text = `Auto${shown}`;
  });
  hls.on(Hls.Events.ERROR, (_, { fatal }) => {
    if (fatal) {
      playOriginal();
    }
  });
  choice.addEventListener("change", () => {
    const level = Number(choice.value);
    if (level === AUTO || !playsStream) {
      hls.loadLevel = level;
    } else {
      // At once, not when what is loaded has been played.
      hls.currentLevel = level;
    }
    choice.options[0].text = "Auto";
  });
  hls.loadSource(stream);
})();
