// Charts of a range: budget, burn rates, events, SLI and coverage, all with one cursor.
//
// The figures are those of /api/v1/history: the lowest budget and the highest burn rates of each step. Where nothing was
// measured there is a gap on a grey ground. To zoom is to go to another address, so that "back" goes back.

import { fullTime, onZoneChange, usesUtc } from "./times.js";

const uPlot = window.uPlot;
const root = document.querySelector("[data-charts]");
// Beside the charts: what is within them is not refreshed with the page.
const projection = () => document.getElementById("projection")?.dataset ?? {};
const PHONE_PX = 600;
const MOST_POINTS = 600;
const SHORTEST_S = 60;
const UNITS = [["s", 1], ["min", 60], ["h", 3600]];
// A touch that moves less is a tap.
const DRAG_PX = 8;
// How much of the range is added behind it for the days ahead of the budget: as much again where it is days long and there
// is room, since what leaves the SLO window in weeks is part of its forecast.
const AHEAD = 0.25, AHEAD_OF_DAYS = 1, AHEAD_ON_PHONES = 0.5;
const DAYS_S = 3 * 86_400;
// A future in which everything fails must not flatten what was measured.
const LOWEST_FORECAST = -0.5;

// Times of an axis by how far apart they are: the usual form, then what is added where a year or a day begins.
const AXIS_TIMES = [
  [31_536_000, "{YYYY}", null, null, null, null, null, null, 1],
  [2_419_200, "{MMM}", "\n{YYYY}", null, null, null, null, null, 1],
  [86_400, "{D} {MMM}", "\n{YYYY}", null, null, null, null, null, 1],
  [60, "{HH}:{mm}", "\n{D} {MMM}", null, "\n{D} {MMM}", null, null, null, 1],
  [1, "{HH}:{mm}:{ss}", "\n{D} {MMM}", null, "\n{D} {MMM}", null, null, null, 1],
];

const percent = (digits) => (value) => (value === null || value === undefined ? "–" : `${(value * 100).toFixed(digits)}%`);
const rate = (unit) => (value) => `${value >= 10 || value === 0 ? count(Math.round(value)) : value.toPrecision(2).replace(/\.?0+$/u, "")}/${unit}`;
const count = (value) => (value === null || value === undefined ? "–" : value.toLocaleString("en-US", { maximumFractionDigits: 1 }));
const times = (value) => (value === null || value === undefined ? "–" : `${value >= 100 ? value.toFixed(0) : value.toPrecision(3)}x`);
const seconds = (text) => Date.parse(text) / 1000;
const stamp = (at) => `${new Date(at * 1000).toISOString().slice(0, 19)}Z`;

/** The value of a colour of the style sheet, which a canvas cannot look up. */
const colour = (name) => {
  const probe = document.createElement("i");
  root.append(probe);
  probe.style.color = `var(${name})`;
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
};

const highest = (values) => values.reduce((most, value) => Math.max(most, value ?? 0), 0);

/** Columns of the series for uPlot: times of the ends of steps, null where nothing was measured. */
const prepared = (series, forecast) => {
  const at = series.at.map(seconds);
  const since = [seconds(series.from), ...at];
  // Slices of time and evaluations are a few an hour: per second they would be thousandths.
  const rated = (column) => {
    const perSecond = column.map((value, step) => (value === null ? null : value / Math.max(at[step] - since[step], 1)));
    const most = highest(perSecond);
    const [unit, length] = UNITS.find(([, length]) => most === 0 || most * length >= 0.5) ?? UNITS.at(-1);
    return { unit, values: perSecond.map((value) => (value === null ? null : value * length)) };
  };
  return { at, since, rated, series, forecast: outlook(forecast) };
};

/** What is ahead: steps with what is left of the budget, and when it is exhausted; null without a forecast. */
const outlook = (found) => {
  if (!found || !found.steps.length) return null;
  const { earliest, expected, latest } = found.exhausted_at;
  return {
    steps: found.steps.map(({ at, remaining_ratio }) => ({ at: seconds(at), ...remaining_ratio })),
    exhausted: earliest && { earliest: seconds(earliest), expected: expected && seconds(expected), latest: seconds(latest ?? found.until) },
  };
};

/** The lines of each chart: label, values, exact text of a step, and the look. */
const charts = (data) => {
  const { series, rated } = data;
  const [good, bad] = [rated(series.good), rated(series.bad)];
  const compared = new Set(series.rules.flatMap(({ long, short }) => [long, short]));
  const shown = series.burn_rates.filter(({ window }) => compared.has(window));
  const burns = shown.length ? shown : series.burn_rates.slice(0, 3);
  const thresholds = [...new Set(series.rules.map(({ factor }) => factor))];
  const ahead = [...projected(data), ...forecasted(data)];
  return {
    budget: {
      lines: [
        { label: "lowest", colour: 0, values: series.budget_remaining_ratio, text: percent(2), fill: true },
        ...ahead,
      ],
      // The futures are between their bounds.
      bands: ahead.some((line) => line.bound) ? [[ahead.length - 1, ahead.length]] : [],
      exhausted: data.forecast?.exhausted,
      levels: [{ at: 0, colour: "--bad" }],
      range: (least, most) => [Math.min(0, least), Math.max(most, Math.min(1, most + 0.1), 0.1)],
      tick: percent(0),
    },
    burn: {
      lines: burns.map(({ window, highest }, place) => ({ label: window, colour: place % 7, values: highest, text: times })),
      levels: thresholds.map((factor) => ({ at: factor, colour: "--warn", label: `${factor}x` })),
      // The highest threshold has its name above it.
      range: (least, most) => [0, Math.max(most * 1.15, ...thresholds.map((factor) => factor * 2), 1)],
      tick: (value) => `${value}x`,
      asinh: true,
    },
    events: {
      lines: [
        { label: "good, axis on the right", colour: 4, values: good.values, exact: series.good, text: count, right: true },
        { label: "bad", colour: 1, values: bad.values, exact: series.bad, text: count, fill: true },
      ],
      levels: [],
      range: (least, most) => [0, most > 0 ? most * 1.05 : 1],
      tick: rate(bad.unit),
      axis: "--c1",
      right: { tick: rate(good.unit), axis: "--c4" },
    },
    sli: {
      lines: [{ label: "SLI", colour: 0, values: series.sli, text: percent(4) }],
      levels: [{ at: series.objective, colour: "--warn", label: percent(3)(series.objective) }],
      range: (least, most) => {
        const low = Math.min(least, series.objective);
        return [Math.max(0, low - (1 - low) * 0.15), Math.max(1, most)];
      },
      tick: (value) => `${+(value * 100).toPrecision(6)}%`,
    },
    coverage: {
      lines: [{ label: "measured", colour: 5, values: series.coverage, text: percent(1), fill: true }],
      levels: [],
      range: () => [0, 1],
      tick: percent(0),
    },
  };
};

/** A line that begins with what is left now and goes through those *points* that are behind the newest step. */
const ahead = ({ at }, left, points) => ({
  values: at.map((_, step) => (step === at.length - 1 ? left : null)), ahead: points.filter((point) => point.at > at.at(-1)), spans: true,
});

/** The budget until it is exhausted if the rates of the last minutes go on; no line where it lasts, or of the past. */
const projected = (data) => {
  const { exhausted, remaining } = projection();
  const until = seconds(exhausted ?? "");
  const left = Number.parseFloat(remaining ?? "");
  if (!root.dataset.newest || Number.isNaN(until) || Number.isNaN(left) || !data.at.length) return [];
  return [{ label: "at the present rate", colour: 2, ...ahead(data, left, [{ at: until, value: 0 }]), text: percent(2), dashed: true }];
};

/** The forecast of the budget: what is expected, and the bounds of 80 of 100 futures, the last two lines. */
const forecasted = (data) => {
  const left = data.series.budget_remaining_ratio.at(-1) ?? data.forecast?.steps[0].median;
  if (!data.forecast || left === undefined) return [];
  const { steps } = data.forecast;
  const line = (name) => ahead(data, left, steps.map((step) => ({ at: step.at, value: step[name] })));
  const [low, median, high] = ["low", "median", "high"].map(line);
  const text = (value, step) => {
    const found = steps.find(({ at }) => at === data.ahead[step - data.at.length]);
    return found ? `${percent(1)(value)} (${percent(1)(found.low)} to ${percent(1)(found.high)})` : "";
  };
  return [
    { label: "forecast, with 80 of 100 futures", colour: 3, ...median, text, dashed: true, bounded: true },
    { label: "high", colour: 3, ...high, bound: true },
    { label: "low", colour: 3, ...low, bound: true },
  ];
};

/** What is drawn below and above the lines: what was not measured, levels, marks. */
const ground = (data, chart) => ({
  hooks: {
    drawClear: [
      (plot) => {
        const { ctx, bbox } = plot;
        ctx.save();
        ctx.fillStyle = colours["--line"];
        const hole = (from, to) => {
          const left = Math.max(plot.valToPos(from, "x", true), bbox.left);
          const right = Math.min(plot.valToPos(to, "x", true), bbox.left + bbox.width);
          if (right > left) ctx.fillRect(left, bbox.top, right - left, bbox.height);
        };
        const known = Date.now() / 1000;
        hole(range.from, data.since[0]);
        // Steps beside each other in one piece: between two there would be a seam.
        let begun = null;
        data.at.forEach((_, step) => {
          if (!data.series.coverage[step]) begun ??= data.since[step];
          else if (begun !== null) {
            hole(begun, data.since[step]);
            begun = null;
          }
        });
        if (begun !== null) hole(begun, data.at[data.at.length - 1]);
        if (data.at.length) hole(data.at[data.at.length - 1], Math.min(range.to, known));
        ctx.restore();
      },
    ],
    draw: [
      (plot) => {
        const { ctx, bbox } = plot;
        ctx.save();
        ctx.beginPath();
        ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
        ctx.clip();
        ctx.lineWidth = devicePixelRatio;
        ctx.setLineDash([5 * devicePixelRatio, 4 * devicePixelRatio]);
        ctx.textAlign = "left";
        ctx.textBaseline = "bottom";
        ctx.font = `${11 * devicePixelRatio}px sans-serif`;
        for (const level of chart.levels) {
          const y = plot.valToPos(level.at, "y", true);
          ctx.strokeStyle = ctx.fillStyle = colours[level.colour];
          ctx.beginPath();
          ctx.moveTo(bbox.left, y);
          ctx.lineTo(bbox.left + bbox.width, y);
          ctx.stroke();
          if (level.label) {
            // Above its line, or below it where that is at the top.
            const isHigh = y - bbox.top < 14 * devicePixelRatio;
            ctx.textBaseline = isHigh ? "top" : "bottom";
            const place = [level.label, bbox.left + 4 * devicePixelRatio, y + (isHigh ? 3 : -1) * devicePixelRatio];
            // Lines pass behind it.
            ctx.save();
            ctx.setLineDash([]);
            ctx.lineWidth = 4 * devicePixelRatio;
            ctx.strokeStyle = colours["--surface"];
            ctx.strokeText(...place);
            ctx.restore();
            ctx.fillText(...place);
          }
        }
        for (const mark of marks) drawMark(plot, mark);
        if (chart.exhausted) drawExhaustion(plot, chart.exhausted);
        ctx.restore();
      },
    ],
  },
});

/** When the budget is exhausted in the first 10 to 90 of 100 futures: a bar on the line of zero; a line where in 50. */
const drawExhaustion = (plot, { earliest, expected, latest }) => {
  const { ctx, bbox } = plot;
  const zero = plot.valToPos(0, "y", true);
  const left = plot.valToPos(earliest, "x", true);
  ctx.fillStyle = ctx.strokeStyle = colours["--bad"];
  ctx.globalAlpha = 0.6;
  ctx.fillRect(left, zero - 3 * devicePixelRatio, plot.valToPos(latest, "x", true) - left, 6 * devicePixelRatio);
  ctx.globalAlpha = 1;
  if (!expected) return;
  const x = plot.valToPos(expected, "x", true);
  ctx.beginPath();
  ctx.moveTo(x, bbox.top);
  ctx.lineTo(x, bbox.top + bbox.height);
  ctx.stroke();
  // The words are where there is room for them.
  const isRight = x > bbox.left + bbox.width / 2;
  ctx.textAlign = isRight ? "right" : "left";
  ctx.textBaseline = "bottom";
  ctx.fillText("exhausted", x + (isRight ? -4 : 4) * devicePixelRatio, bbox.top + 14 * devicePixelRatio);
};

const drawMark = (plot, mark) => {
  const { ctx, bbox } = plot;
  const left = plot.valToPos(mark.from, "x", true);
  if (mark.kind === "transition") {
    // A triangle at the edge: there may be many, and lines would hide what is drawn.
    const size = 4 * devicePixelRatio;
    ctx.fillStyle = colours["--muted"];
    ctx.beginPath();
    ctx.moveTo(left - size, bbox.top);
    ctx.lineTo(left + size, bbox.top);
    ctx.lineTo(left, bbox.top + 1.6 * size);
    ctx.fill();
    return;
  }
  const right = plot.valToPos(mark.until, "x", true);
  ctx.strokeStyle = ctx.fillStyle = colours[mark.kind === "page" ? "--bad" : mark.kind === "ticket" ? "--warn" : "--accent"];
  ctx.globalAlpha = 0.12;
  if (right > left) ctx.fillRect(left, bbox.top, right - left, bbox.height);
  ctx.globalAlpha = 0.9;
  ctx.beginPath();
  ctx.moveTo(left, bbox.top);
  ctx.lineTo(left, bbox.top + bbox.height);
  ctx.stroke();
  ctx.globalAlpha = 1;
};

let range = null;
let colours = {};
let marks = [];
let plots = [];
let current = null;
let place = null;
// The chart that the reader points at: the others follow it, and have no step of what is ahead.
let pointed = null;
let isDragged = false;
let isOutdated = false;
// The projection that the charts show.
let drawn;

const names = ["--c0", "--c1", "--c2", "--c3", "--c4", "--c5", "--c6", "--bad", "--warn", "--accent", "--muted", "--line", "--surface"];

const zoom = (from, to) => {
  to = Math.min(to, Date.now() / 1000);
  if (to - from < SHORTEST_S) return;
  const address = new URL(location.href);
  address.searchParams.delete("range");
  address.searchParams.set("from", stamp(from));
  address.searchParams.set("to", stamp(to));
  address.hash = "charts";
  location.assign(address);
};

const draw = () => {
  isOutdated = false;
  for (const plot of plots) plot.destroy();
  plots = [];
  pointed = null;
  colours = Object.fromEntries(names.map((name) => [name, colour(name)]));
  const isPhone = root.clientWidth < PHONE_PX;
  const length = range.to - range.from;
  const most = range.to + length * (length < DAYS_S ? AHEAD : isPhone ? AHEAD_ON_PHONES : AHEAD_OF_DAYS);
  drawn = projection().exhausted;
  const described = charts(current);
  // The times of all lines that go on behind the newest step.
  const behind = described.budget.lines.flatMap((line) => (line.ahead ?? []).map(({ at }) => at));
  current.ahead = [...new Set(behind)].sort((a, b) => a - b);
  const until = Math.max(range.to, Math.min(current.ahead.at(-1) ?? range.to, most));
  for (const figure of root.querySelectorAll("[data-chart]")) {
    const chart = described[figure.dataset.chart];
    if (chart) plots.push(build(figure, chart, current, figure.dataset.chart === "budget" ? until : range.to, isPhone));
  }
  if (place !== null) point(place);
};

const build = (figure, chart, data, until, isPhone) => {
  const holder = figure.querySelector(".plot");
  holder.replaceChildren();
  const isAhead = chart.lines.some((line) => line.ahead);
  const at = isAhead ? [...data.at, ...data.ahead] : data.at;
  const padded = chart.lines.map((line) => {
    if (!isAhead) return line.values;
    const points = new Map((line.ahead ?? []).map((point) => [point.at, point.value]));
    return [...line.values, ...data.ahead.map((moment) => points.get(moment) ?? null)];
  });
  const scale = (isRight) => {
    const seen = (column, line) => column.filter((value, step) => value !== null && at[step] <= until).map((value) => (line.bound ? Math.max(value, LOWEST_FORECAST) : value));
    const values = padded.flatMap((column, place) => (Boolean(chart.lines[place].right) === isRight ? seen(column, chart.lines[place]) : []));
    return { range: chart.range(values.reduce((a, b) => Math.min(a, b), Infinity), values.reduce((a, b) => Math.max(a, b), -Infinity)) };
  };
  const hasRight = chart.lines.some((line) => line.right);
  const axis = { stroke: colours["--muted"], grid: { stroke: colours["--line"], width: 1 }, ticks: { stroke: colours["--line"], width: 1 }, font: "11px system-ui, sans-serif" };
  // Of a scale by decades only these have lines: nothing is below zero, and nine lines for each decade hide the chart.
  const decades = (_, splits) => splits.map((split) => (split === 0 || (split > 0 && Number.isInteger(Math.log10(split))) ? split : null));
  const filter = chart.asinh ? { filter: decades } : {};
  const ticks = (text) => (_, values) => values.map((tick) => (tick === null ? "" : text(tick)));
  const size = (_, texts) => Math.max(isPhone ? 46 : 56, ...(texts ?? []).map((text) => 19 + 6.5 * text.length));
  const options = {
    width: holder.clientWidth, height: holder.clientHeight, legend: { show: false }, padding: [6, hasRight ? 0 : 18, 0, 0],
    cursor: { sync: { key: "sloburn" }, drag: { x: true, y: false, setScale: false }, points: { size: 6 }, y: false },
    tzDate: (stamp) => (usesUtc() ? uPlot.tzDate(new Date(stamp * 1000), "Etc/UTC") : new Date(stamp * 1000)),
    scales: { x: { time: true, range: [range.from, until] }, y: { ...scale(false), ...(chart.asinh ? { distr: 4, asinh: 1 } : {}) }, ...(hasRight ? { right: scale(true) } : {}) },
    axes: [
      { ...axis, space: isPhone ? 70 : 60, size: 30, values: AXIS_TIMES },
      {
        ...axis, ...filter, grid: { ...axis.grid, ...filter }, ticks: { ...axis.ticks, ...filter },
        size, space: 26, values: ticks(chart.tick), stroke: colours[chart.axis ?? "--muted"],
      },
      // Its lines would cross those of the left one.
      ...(hasRight ? [{ ...axis, scale: "right", side: 1, size, space: 26, values: ticks(chart.right.tick), stroke: colours[chart.right.axis], grid: { show: false } }] : []),
    ],
    series: [
      {},
      ...chart.lines.map((line) => ({
        label: line.label, scale: line.right ? "right" : "y", stroke: line.bound ? "transparent" : colours[`--c${line.colour}`], width: 1.5, spanGaps: line.spans ?? false,
        ...(line.dashed ? { dash: [6, 4] } : {}), points: { show: false },
        paths: line.dashed || line.bound ? undefined : uPlot.paths.stepped({ align: -1 }),
        ...(line.fill ? { fill: translucent(colours[`--c${line.colour}`]) } : {}),
      })),
    ],
    bands: (chart.bands ?? []).map(([high, low]) => ({ series: [high + 1, low + 1], fill: translucent(colours[`--c${chart.lines[low].colour}`]) })),
    plugins: [ground(data, chart)],
    hooks: {
      setSelect: [(plot) => {
        if (plot.select.width > DRAG_PX) zoom(plot.posToVal(plot.select.left, "x"), plot.posToVal(plot.select.left + plot.select.width, "x"));
      }],
      setCursor: [(plot) => { if (plot.cursor.idx !== undefined && plot === (pointed ?? plot)) reads(plot.cursor.left < 0 ? null : plot.cursor.idx); }],
    },
  };
  const plot = new uPlot(options, [at, ...padded], holder);
  plot.over.setAttribute("aria-hidden", "true");
  for (const kind of ["pointerenter", "pointerdown"]) plot.over.addEventListener(kind, () => { pointed = plot; });
  zoomByTouch(plot);
  legend(figure, chart, plot);
  return plot;
};

/** A finger that moves across selects the range to zoom to, and a tap shows the figures; up and down the page scrolls. */
const zoomByTouch = (plot) => {
  const { over } = plot;
  let from = null;
  const place = (event) => Math.min(Math.max(event.clientX - over.getBoundingClientRect().left, 0), over.clientWidth);
  const select = (left, width) => plot.setSelect({ left, width, top: 0, height: over.clientHeight }, false);
  const moved = (event) => {
    const to = place(event);
    plot.setCursor({ left: to, top: 10 });
    return [Math.min(from, to), Math.abs(to - from)];
  };
  over.addEventListener("pointerdown", (event) => {
    if (event.pointerType === "touch" && event.isPrimary) from = place(event);
  });
  over.addEventListener("pointermove", (event) => {
    if (from !== null && event.isPrimary) select(...moved(event));
  });
  over.addEventListener("pointerup", (event) => {
    if (from === null || !event.isPrimary) return;
    const [left, width] = moved(event);
    from = null;
    select(0, 0);
    if (width > DRAG_PX) zoom(plot.posToVal(left, "x"), plot.posToVal(left + width, "x"));
  });
  over.addEventListener("pointercancel", () => {
    from = null;
    select(0, 0);
  });
};

const translucent = (text) => text.replace(/^rgb\((.+)\)$/u, "rgba($1, 0.14)");

/** The name of each line with its exact figure; pressed, it hides the line. */
const legend = (figure, chart, plot) => {
  const caption = figure.querySelector("figcaption");
  caption.querySelector(".scale")?.remove();
  let list = caption.querySelector(".reads");
  if (!list) {
    list = document.createElement("span");
    list.className = "reads";
    caption.append(list);
  }
  const named = chart.lines.map((line, place) => ({ line, place })).filter(({ line }) => !line.bound);
  list.replaceChildren(
    ...named.map(({ line, place }) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = `c${line.colour}${line.dashed ? " dashed" : ""}`;
      button.setAttribute("aria-pressed", "true");
      const figureOf = document.createElement("b");
      button.append(document.createElement("i"), `${line.label} `, figureOf);
      button.addEventListener("click", () => {
        const shows = button.getAttribute("aria-pressed") !== "true";
        button.setAttribute("aria-pressed", String(shows));
        plot.setSeries(place + 1, { show: shows });
        if (line.bounded) chart.lines.forEach(({ bound }, other) => { if (bound) plot.setSeries(other + 1, { show: shows }); });
      });
      return button;
    }),
  );
  figure.reads = (step) => {
    list.querySelectorAll("b").forEach((element, order) => {
      const { line, place } = named[order];
      const values = line.exact ?? plot.data[place + 1];
      const value = step === null || step >= values.length ? undefined : values[step];
      // What is ahead has figures there only.
      element.textContent = value === undefined || (value === null && (line.ahead || step >= line.values.length)) ? "" : line.text(value, step);
    });
  };
};

const when = document.createElement("p");
when.className = "when";
when.setAttribute("aria-live", "polite");

/** Show the exact figures of a step in all charts. */
const reads = (step) => {
  if (step === place && step !== null) return;
  place = step;
  for (const figure of root.querySelectorAll("[data-chart]")) figure.reads?.(step);
  const at = step === null ? undefined : current.at[step];
  const ahead = step === null ? undefined : current.ahead[step - current.at.length];
  if (ahead !== undefined) when.textContent = `${fullTime(ahead * 1000)}, ahead`;
  else when.textContent = at === undefined ? "" : `${fullTime(current.since[step] * 1000)} to ${fullTime(at * 1000)}${current.series.coverage[step] ? "" : ": not measured"}`;
};

/** Move the cursor of all charts to a step. */
const point = (step) => {
  const wanted = Math.min(Math.max(step, 0), current.at.length - 1);
  pointed = null;
  const [first] = plots;
  if (first) first.setCursor({ left: first.valToPos(current.at[wanted], "x"), top: 10 });
  reads(wanted);
};

root?.addEventListener("mousedown", () => { isDragged = true; });
window.addEventListener("mouseup", () => {
  isDragged = false;
  if (isOutdated) draw();
});

root?.addEventListener("keydown", (event) => {
  if (!current || event.target.closest("button") || event.ctrlKey || event.metaKey || event.altKey) return;
  const last = current.at.length - 1;
  const middle = place === null ? (range.from + range.to) / 2 : current.at[place];
  const half = (range.to - range.from) / 2;
  const keys = {
    ArrowLeft: () => point((place ?? last + 1) - 1), ArrowRight: () => point((place ?? -1) + 1),
    Home: () => point(0), End: () => point(last),
    "+": () => zoom(middle - half / 2, middle + half / 2), "-": () => zoom(middle - half * 2, Math.min(middle + half * 2, Date.now() / 1000)),
  };
  if (keys[event.key]) {
    event.preventDefault();
    keys[event.key]();
  }
});

// What the address names stays in sight while what is above it is drawn or folded, until the reader moves.
let isAnchored = Boolean(location.hash);
for (const kind of ["wheel", "touchmove", "pointerdown", "keydown"]) {
  window.addEventListener(kind, () => { isAnchored = false; }, { passive: true });
}
const stayInSight = () => {
  if (isAnchored) document.getElementById(location.hash.slice(1))?.scrollIntoView();
};

let asked = 0;
let answered = 0;

const load = async () => {
  const turn = (asked += 1);
  const newest = Number.parseInt(root.dataset.newest, 10);
  const address = new URL(root.dataset.url, location.href);
  // A range that follows the present ends with what was measured last.
  if (!newest) address.searchParams.set("to", root.dataset.to);
  const end = newest ? (current?.at.at(-1) ?? seconds(root.dataset.to)) : seconds(root.dataset.to);
  address.searchParams.set("from", newest ? new Date((end - newest) * 1000).toISOString() : root.dataset.from);
  address.searchParams.set("points", String(Math.max(60, Math.min(MOST_POINTS, Math.round(root.clientWidth / 3)))));
  // Without an answer the charts stay as they are; the next evaluation asks again.
  const ask = (url) => fetch(url, { headers: { Accept: "application/json" } }).then((answer) => (answer.ok ? answer.json() : null)).catch(() => null);
  const [found, forecast] = await Promise.all([ask(address), newest && root.dataset.forecast ? ask(root.dataset.forecast) : null]);
  // Answers come in any order: one to an older question never replaces a newer one.
  if (!found || turn < answered) return;
  answered = turn;
  const [series] = found.series;
  if (!series || !series.at.length) return;
  const to = seconds(found.to);
  range = { from: newest ? to - newest : seconds(found.from), to };
  current = prepared(series, forecast);
  marks = series.marks.map((mark) => ({ ...mark, from: seconds(mark.at), until: mark.until === null ? to : seconds(mark.until) }));
  // A reader who drags over a chart finishes first.
  if (isDragged) isOutdated = true;
  else draw();
  stayInSight();
};

for (const day of document.querySelectorAll(".calendar [data-href]")) {
  day.addEventListener("click", () => location.assign(day.dataset.href));
}

if (root && uPlot) {
  root.tabIndex = 0;
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", "Charts: arrow keys move through the steps, plus and minus zoom; the figures are in the table below");
  for (const hint of document.querySelectorAll(".hint-of")) hint.hidden = false;
  root.append(when);
  load();
  if (root.dataset.newest) document.body.addEventListener("evaluated", load);
  // The page may be answered after the history.
  document.addEventListener("htmx:after:swap", () => {
    stayInSight();
    if (!current || projection().exhausted === drawn) return;
    if (isDragged) isOutdated = true;
    else draw();
  });
  let width = root.clientWidth;
  new ResizeObserver(() => {
    if (current && Math.abs(root.clientWidth - width) > 4) {
      width = root.clientWidth;
      draw();
    }
  }).observe(root);
  onZoneChange(() => current && draw());
  // Paper is narrower than the window: charts are drawn for it, and for the window again.
  for (const [event, isOnPaper] of [["beforeprint", true], ["afterprint", false]]) {
    window.addEventListener(event, () => {
      root.classList.toggle("on-paper", isOnPaper);
      if (current) draw();
    });
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => current && draw());
}
