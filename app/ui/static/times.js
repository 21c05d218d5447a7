// Times in words and in the reader's zone: each <time datetime> of a page, again after each refresh.
//
// data-time="full" shows the time itself; any other shows how long ago it was, with the time on hover.

const MINUTE = 60, HOUR = 3600, DAY = 86400;
const KEY = "sloburn.zone";
const listeners = new Set();

/** Whether times are shown in UTC instead of the reader's zone. */
export const usesUtc = () => {
  try {
    return localStorage.getItem(KEY) === "utc";
  } catch {
    return false; // where the browser keeps nothing for sites
  }
};

/** Calls *listener* whenever the reader has chosen another zone. */
export const onZoneChange = (listener) => listeners.add(listener);

/** A time such as "2026-03-01 13:00:00 CET"; *at* in milliseconds. */
export const fullTime = (at) => {
  const options = {
    year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit",
    hourCycle: "h23", timeZoneName: "short", ...(usesUtc() ? { timeZone: "UTC" } : {}),
  };
  const parts = Object.fromEntries(
    new Intl.DateTimeFormat("en-GB", options).formatToParts(at).map(({ type, value }) => [type, value]),
  );
  const { year, month, day, hour, minute, second, timeZoneName } = parts;
  return `${year}-${month}-${day} ${hour}:${minute}:${second} ${timeZoneName}`;
};

/** How long ago *at* was, or in how long it will be, in the words of the server. */
export const relativeTime = (at, now = Date.now()) => {
  const seconds = Math.trunc((now - at) / 1000);
  if (seconds <= -MINUTE) return `in ${span(-seconds)}`;
  if (seconds < 1) return "just now";
  for (const [unit, length] of [["d", DAY], ["h", HOUR], ["min", MINUTE]]) {
    if (seconds >= length) return `${Math.floor(seconds / length)} ${unit} ago`;
  }
  return `${seconds} s ago`;
};

/** A duration in its two largest units, such as "2d 14h". */
export const span = (seconds) => {
  const [days, hours, minutes] = [
    Math.floor(seconds / DAY), Math.floor((seconds % DAY) / HOUR), Math.floor((seconds % HOUR) / MINUTE),
  ];
  if (days) return `${days}d ${hours}h`;
  return hours ? `${hours}h ${minutes}m` : `${minutes}m`;
};

const show = () => {
  for (const element of document.querySelectorAll("time[datetime]")) {
    const at = Date.parse(element.dateTime);
    if (Number.isNaN(at)) continue;
    const full = fullTime(at);
    const words = element.dataset.time === "full" ? full : relativeTime(at);
    if (element.textContent !== words) element.textContent = words;
    if (element.title !== full) element.title = full;
  }
};

const button = document.querySelector("[data-zone]");

const label = () => {
  const other = usesUtc() ? "local time" : "UTC";
  button.textContent = usesUtc() ? "UTC" : "Local time";
  button.title = `Show times in ${other}`;
  button.setAttribute("aria-label", `Times in ${button.textContent}; show them in ${other}`);
};

if (button) {
  button.hidden = false;
  const change = () => {
    label();
    show();
    for (const listener of listeners) listener();
  };
  label();
  button.addEventListener("click", () => {
    try {
      localStorage.setItem(KEY, usesUtc() ? "local" : "utc");
    } catch {
      return;
    }
    change();
  });
  // Chosen in another tab.
  window.addEventListener("storage", ({ key }) => { if (key === KEY) change(); });
}
show();
setInterval(show, 10_000);
document.addEventListener("htmx:after:swap", show);
