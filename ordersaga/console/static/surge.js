"use strict";
// Draws what each event brought: the table's first row is the sample. Colors are the page's own, in both themes.
(() => {
  const KEPT = 600;
  const SHOWN = 60;
  const HEIGHT = 220;
  const DASHES = [[], [8, 4], [2, 4], [12, 4, 2, 4]];
  const charts = [
    { place: "chart-rates", series: ["arrived", "accepted", "soldOut", "refused"], rate: true, least: 1 },
    { place: "chart-waiting", series: ["waiting", "lanes"], rate: false, least: 5 },
  ];
  const NAMES = {
    arrived: "arrived", accepted: "accepted", soldOut: "sold out", refused: "refused",
    waiting: "for a start", lanes: "in lanes",
  };
  const COLORS = ["--accent", "--good", "--warn", "--bad"];

  // As it is in the theme of now: a variable itself only tells both.
  function color(name) {
    const probe = document.createElement("i");
    probe.style.color = `var(${name})`;
    document.body.append(probe);
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  }

  function axis() {
    return { stroke: color("--soft"), font: "12px system-ui, sans-serif", grid: { stroke: color("--line"), width: 1 }, ticks: { stroke: color("--line") } };
  }

  // From the first sample on, a minute at least.
  function span(times) {
    const last = times.at(-1) ?? Date.now() / 1000;
    return [Math.min(times[0] ?? last, last - SHOWN), last];
  }

  function clock(seconds) {
    return new Date(seconds * 1000).toISOString().slice(11, 19);
  }

  function draw(chart) {
    const place = document.getElementById(chart.place);
    chart.data ??= [[], ...chart.series.map(() => [])];
    chart.plot?.destroy();
    chart.plot = new uPlot({
      width: Math.max(place.clientWidth, 200),
      height: HEIGHT,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC"),
      scales: {
        x: { range: () => span(chart.data[0]) },
        y: { range: (_, __, top) => [0, Math.max(top * 1.1, chart.least)] },
      },
      axes: [{ ...axis(), values: (_, moments) => moments.map(clock), space: 80 }, axis()],
      legend: { live: false, markers: { width: 0, fill: (_, place) => color(COLORS[place - 1]) } },
      cursor: { show: false },
      series: [
        {},
        ...chart.series.map((name, at) => ({
          label: NAMES[name], stroke: color(COLORS[at]), width: 2, dash: DASHES[at], points: { show: false },
        })),
      ],
    }, chart.data, place);
  }

  function take() {
    const sample = document.getElementById("sample")?.dataset;
    if (!sample) return;
    const at = Date.parse(sample.at) / 1000;
    for (const chart of charts) {
      const times = chart.data[0];
      if (times.length && times[times.length - 1] >= at) continue;
      times.push(at);
      chart.series.forEach((name, place) => {
        chart.data[place + 1].push(Number(sample[name]) / (chart.rate ? Number(sample.seconds) : 1));
      });
      if (times.length > KEPT) chart.data.forEach((row) => row.shift());
      chart.plot.setData(chart.data);
    }
  }

  function tell(text) {
    const state = document.getElementById("live-state");
    if (state.textContent !== text) state.textContent = text;
  }

  function resize() {
    for (const chart of charts) {
      const place = document.getElementById(chart.place);
      chart.plot.setSize({ width: Math.max(place.clientWidth, 200), height: HEIGHT });
    }
  }

  charts.forEach(draw);
  take();
  addEventListener("resize", resize);
  document.addEventListener("themechange", () => charts.forEach(draw));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => charts.forEach(draw));
  document.body.addEventListener("htmx:sseMessage", () => { take(); tell("Live."); });
  document.body.addEventListener("htmx:sseError", () => tell("Not live now: connecting again."));
})();
