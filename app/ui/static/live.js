// Live pages: each evaluation is an event of the server, and `evaluated` on the body lets htmx refresh what is shown.
//
// A page that is not visible has no connection: browsers allow few of them to one server. Where there is no stream,
// as behind proxies that keep it back, the page is refreshed every 30 s.

const EVERY_MS = 30_000;
const QUIET_MS = 75_000;
const SPREAD_MS = 1_500;
const indicator = document.querySelector("[data-live]");
let stream = null;
let heard = 0;
let refreshed = Date.now();

const refresh = () => {
  refreshed = Date.now();
  document.body.dispatchEvent(new CustomEvent("evaluated"));
};

const say = (state, words, isAnswered = false) => {
  // That a request was not answered matters more than what the stream does, until one is.
  if (!indicator || (indicator.dataset.live === "lost" && !isAnswered)) return;
  indicator.hidden = false;
  if (indicator.dataset.live !== state) {
    indicator.dataset.live = state;
    indicator.textContent = words;
  }
};

const connect = () => {
  if (stream || !document.body.dataset.stream) return;
  stream = new EventSource(document.body.dataset.stream);
  const hears = () => {
    heard = Date.now();
    say("on", "Live");
  };
  stream.addEventListener("state", hears);
  stream.addEventListener("heartbeat", hears);
  stream.addEventListener("evaluated", () => {
    hears();
    // Not all pages that are open at the same moment.
    setTimeout(refresh, Math.random() * SPREAD_MS);
  });
  stream.addEventListener("error", () => {
    say("off", "Every 30 s");
    // Refused for good: the browser does not try again by itself.
    if (stream && stream.readyState === EventSource.CLOSED) disconnect();
  });
};

const disconnect = () => {
  if (stream) stream.close();
  stream = null;
};

document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    disconnect();
  } else {
    connect();
    refresh();
  }
});

setInterval(() => {
  if (document.hidden) return;
  const isHeard = stream && Date.now() - heard < QUIET_MS;
  if (!isHeard && Date.now() - refreshed >= EVERY_MS) {
    say("off", "Every 30 s");
    refresh();
    connect();
  }
}, 5_000);

window.addEventListener("pagehide", disconnect);
window.addEventListener("pageshow", (event) => {
  if (event.persisted) connect();
});
document.addEventListener("htmx:error", () => say("lost", "Sloburn does not answer"));
document.addEventListener("htmx:after:swap", () => {
  if (indicator && indicator.dataset.live === "lost") say("on", "Live", true);
});
if (!document.hidden) connect();
