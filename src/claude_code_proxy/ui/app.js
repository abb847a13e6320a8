"use strict";

// What is known: finished requests by id, those under way, and what the proxy says of itself.
const ended = new Map();
let running = [], state = null, usage = { rows: [], days: 1 }, days = 1; // days: asked for; usage: what is there
let view = "requests", chosen = null, open = null, wanted = "", shown = 100;
const MOST = 500, STEP = 100;
const BAD = new Set(["failed", "broke"]);

const $ = (id) => document.getElementById(id);
const el = (name, classes = "", ...content) => {
  const element = document.createElement(name);
  if (classes) element.className = classes;
  element.append(...content.filter((part) => part !== null && part !== undefined && part !== ""));
  return element;
};

// ---- words ----

const tokens = (count) =>
  count >= 1e6 ? `${(count / 1e6).toFixed(1)}M` : count >= 1e4 ? `${Math.round(count / 1e3)}k` : count >= 1e3 ? `${(count / 1e3).toFixed(1)}k` : `${Math.round(count)}`;
const dollars = (cost) => (cost === undefined || cost === null ? "" : cost === 0 ? "$0" : cost < 0.01 ? `$${cost.toFixed(4)}` : `$${cost.toFixed(2)}`);
const seconds = (value) => (value === undefined || value < 0 ? "" : value < 10 ? `${value.toFixed(1)} s` : value < 120 ? `${Math.round(value)} s` : `${Math.round(value / 60)} min`);
const clock = (time) => new Date(time * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const ago = (time) => {
  const passed = Date.now() / 1000 - time;
  return passed < 60 ? "just now" : passed < 3600 ? `${Math.round(passed / 60)} min ago` : passed < 86400 ? `${Math.round(passed / 3600)} h ago` : `${Math.round(passed / 86400)} d ago`;
};
const read = (one) => (one.input_tokens || 0) + (one.cache_read || 0);
const who = (one) => (one.own ? "proxy's own" : one.agent ? `agent ${one.agent.slice(0, 8)}` : "main");
const target = (one) => (one.backend ? `${one.backend}/${one.upstream_model}` : "");
const latestFirst = () => [...ended.values()].reverse();
const sum = (list, of) => list.reduce((total, one) => total + (of(one) || 0), 0);
const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;

// ---- one request ----

const stateOf = (one) => {
  if (one.outcome) return one.outcome;
  if (!one.backend) return "preparing";
  return one.first_byte === undefined ? "waiting" : "answering";
};

const figures = (one) => {
  const facts = [];
  if (!one.outcome) {
    facts.push(["running", seconds(one.age)], ["written", one.characters ? `${tokens(one.characters)} chars` : ""]);
  } else {
    facts.push(["first", seconds(one.first_byte)], ["total", seconds(one.duration)]);
    facts.push(["speed", one.tokens_per_second ? `${Math.round(one.tokens_per_second)} tok/s` : ""]);
    facts.push(["in", one.input_tokens ? tokens(one.input_tokens) : ""], ["cached", one.cache_read ? tokens(one.cache_read) : ""]);
    facts.push(["out", one.output_tokens ? tokens(one.output_tokens) : ""], ["cost", dollars(one.cost)]);
  }
  return facts.filter(([, value]) => value).map(([name, value]) => el("span", "fact", el("i", "", name), value));
};

const row = (one) => {
  const status = stateOf(one);
  const head = el("button", "row");
  head.type = "button";
  head.setAttribute("aria-expanded", String(open === one.id));
  head.append(
    el("span", `badge ${status}`, status),
    el("time", "", clock(one.started)),
    el("span", "who", one.session ? `${one.session.slice(0, 8)} ` : "", el("b", "", who(one))),
    el("span", "model", `${one.model || "?"}`, target(one) ? el("em", "", ` → ${target(one)}`) : ""),
    el("span", "facts", ...figures(one)),
  );
  if (BAD.has(one.outcome)) head.append(el("span", "said", one.error || "The proxy failed inside; its log says where."));
  head.addEventListener("click", () => toggle(one.id));
  const item = el("li", open === one.id ? "open" : "", head);
  item.dataset.id = one.id;
  if (open === one.id) item.append(details(one));
  return item;
};

const NAMES = {
  id: "id", upstream_id: "backend's id", client_id: "client's id", session: "session", agent: "agent", tier: "tier", status: "status",
  stop: "stop", retries: "retries", thinking_tokens: "thinking tokens", cache_write: "written to the cache", window: "context window", error_type: "error",
};

const details = (one) => {
  const list = el("dl", "details");
  const add = (name, ...value) => list.append(el("dt", "", name), el("dd", "", ...value));
  for (const [field, name] of Object.entries(NAMES)) if (one[field]) add(name, String(one[field]));
  if (one.window && read(one)) add("context", meter(read(one) + (one.output_tokens || 0), one.window));
  if (one.failed_over && one.failed_over.length) add("after", one.failed_over.join(", "));
  for (const note of one.notes || []) add(note.code, [note.path, note.detail].filter(Boolean).join(": ") || "noted");
  if (one.error) add("message", one.error);
  if (one.remedy) add("what to do", one.remedy);
  return list;
};

const meter = (used, window) => {
  const share = Math.min(1, used / window);
  const bar = document.createElement("meter");
  Object.assign(bar, { min: 0, max: 1, low: 0.6, high: 0.85, optimum: 0.2, value: share });
  bar.setAttribute("aria-label", "context used");
  return el("span", "fill", bar, ` ${tokens(used)} of ${tokens(window)} (${Math.round(share * 100)} %)`);
};

// ---- the views ----

const fits = (one) => {
  if (!wanted) return true;
  const text = [one.id, one.upstream_id, one.model, target(one), one.session, one.agent, one.outcome, one.stop, one.error, ...(one.notes || []).map((note) => note.code)].join(" ");
  return text.toLowerCase().includes(wanted);
};

const fill = (list, items) => {
  const focused = document.activeElement && document.activeElement.closest ? document.activeElement.closest("li[data-id]") : null;
  const id = focused && list.contains(focused) ? focused.dataset.id : null;
  list.replaceChildren(...items);
  if (id) focusOn(id, { scroll: false });
};

const drawRequests = () => {
  const all = [...[...running].reverse(), ...latestFirst()].filter(fits);
  fill($("list"), all.slice(0, shown).map(row));
  $("more").hidden = all.length <= shown;
  $("more").textContent = `Show ${Math.min(STEP, all.length - shown)} more of ${all.length}`;
  $("none").hidden = all.length > 0;
  $("none").replaceChildren(...(wanted ? ["Nothing here has that in it."] : [`No requests yet. Point Claude Code here:`, el("code", "", `ANTHROPIC_BASE_URL=${location.origin} claude`)]));
};

const drawSessions = () => {
  const sessions = new Map();
  for (const one of [...ended.values(), ...running]) {
    if (!sessions.has(one.session)) sessions.set(one.session, []);
    sessions.get(one.session).push(one);
  }
  const last = (list) => Math.max(...list.map((one) => one.started));
  const items = [...sessions.entries()].sort((a, b) => last(b[1]) - last(a[1])).map(([id, list]) => {
    const agents = new Map();
    for (const one of list) agents.set(one.agent || "", [...(agents.get(one.agent || "") || []), one]);
    const item = el("li", "card", el("h3", "", id || "without a session"), el("p", "facts", ...totalsOf(list), el("span", "fact", ago(last(list)))));
    const turns = [...list].reverse().filter((one) => !one.agent && one.window && read(one));
    const measured = turns.find((one) => one.tier !== "small") || turns[0]; // the small model is asked for titles
    if (measured) item.append(el("p", "", "Context ", meter(read(measured) + (measured.output_tokens || 0), measured.window)));
    const subs = [...agents.entries()].filter(([agent]) => agent);
    if (subs.length) item.append(el("ul", "agents", ...subs.map(([agent, of]) => el("li", "", el("b", "", `agent ${agent.slice(0, 8)}`), " ", ...totalsOf(of)))));
    return item;
  });
  $("sessionlist").replaceChildren(...items);
  empty("sessions", items.length ? "" : "No sessions yet.");
};

const totalsOf = (list) => {
  const failed = list.filter((one) => BAD.has(one.outcome)).length;
  const busy = list.filter((one) => !one.outcome).length;
  const facts = [["", plural(list.length, "request")], ["under way", busy || ""], ["failed", failed || ""], ["in", tokens(sum(list, read))]];
  facts.push(["out", tokens(sum(list, (one) => one.output_tokens))], ["cost", dollars(list.some((one) => one.cost !== undefined) ? sum(list, (one) => one.cost) : undefined)]);
  return facts.filter(([, value]) => value).map(([name, value]) => el("span", "fact", name ? el("i", "", name) : "", String(value)));
};

const drawErrors = () => {
  const bad = latestFirst().filter((one) => BAD.has(one.outcome));
  const items = bad.slice(0, STEP).map((one) => {
    const head = el("h3", "", el("span", "badge failed", String(one.status || one.outcome)), ` ${one.error_type || "internal"} · ${target(one) || one.model || "not sent"}`);
    return el("li", "card", head, el("p", "", one.error || "The proxy failed inside; its log says where."), one.remedy ? el("p", "remedy", el("b", "", "What to do: "), one.remedy) : "", el("p", "quiet", `${clock(one.started)} · ${one.id}`));
  });
  $("errorlist").replaceChildren(...items);
  $("errorcount").textContent = bad.length ? String(bad.length) : "";
  empty("errors", items.length ? "" : "No errors. Good.");
};

const drawBackends = () => {
  if (!state) return;
  $("backendlist").replaceChildren(...state.backends.map((one) => {
    const facts = [["requests", one.requests], ["failed", one.failed], ["retries", one.retries], ["waiting", one.waiting], ["last good answer", one.last_success ? ago(one.last_success) : "none yet"]];
    return el("li", "card", el("h3", "", el("span", `badge ${one.up ? "ok" : "failed"}`, one.up ? "well" : "resting"), ` ${one.name}`), el("p", "quiet", one.url), el("p", "facts", ...facts.map(([name, value]) => el("span", "fact", el("i", "", name), String(value)))));
  }));
  $("tiers").replaceChildren(...Object.entries(state.tiers).flatMap(([tier, model]) => [el("dt", "", tier), el("dd", "", model)]));
};

// Every hour or day of the time shown, those without requests too, by this browser's clock: rows have the Unix time of
// their quarter of an hour, since the proxy's clock may be another zone's.
const NONE = { requests: 0, input_tokens: 0, cache_read: 0, output_tokens: 0, cost: null };
const two = (number) => String(number).padStart(2, "0");
const placeOf = (at, hourly) => `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}${hourly ? ` ${two(at.getHours())}:00` : ""}`;
const everyTime = ({ rows, days }) => {
  if (!rows.length) return rows;
  const hourly = days <= 2, now = new Date(), sums = new Map();
  for (let n = hourly ? days * 24 : days; n >= 0; n -= 1) {
    const at = hourly ? new Date(now.getTime() - n * 3600000) : new Date(now.getFullYear(), now.getMonth(), now.getDate() - n);
    sums.set(placeOf(at, hourly), { ...NONE }); // an hour that comes twice in autumn is one
  }
  const [first] = sums.keys();
  for (const row of rows) {
    const key = placeOf(new Date(Number(row.key) * 1000), hourly), sum = sums.get(key) || { ...NONE };
    if (key < first) continue;
    for (const name of Object.keys(NONE)) sum[name] = row[name] === null ? sum[name] : sum[name] + row[name];
    sums.set(key, sum);
  }
  return [...sums].map(([key, sum]) => ({ ...sum, key })).sort((one, other) => (one.key < other.key ? -1 : 1));
};

const drawUsage = () => {
  const rows = everyTime(usage);
  const label = (key) => (usage.days <= 2 ? key.slice(11, 16) : key.slice(5));
  const shape = (of) => rows.map((one) => ({ label: label(one.key), title: `${one.key}: ${plural(one.requests, "request")}, ${tokens(one.input_tokens)} read, ${tokens(one.cache_read)} cached, ${tokens(one.output_tokens)} written, ${dollars(one.cost) || "no price"}`, values: of(one) }));
  for (const figure of document.querySelectorAll("#usage figure")) figure.hidden = !rows.length; // axes of nothing say nothing
  plot($("tokenplot"), shape((one) => [one.input_tokens, one.cache_read, one.output_tokens]), ["in", "cached", "out"], { name: "Tokens over time", unit: tokens });
  plot($("costplot"), shape((one) => [one.cost || 0]), ["cost"], { name: "Cost over time", unit: (value) => `$${value >= 10 || !value ? Math.round(value) : value.toPrecision(2)}` });
  for (const button of document.querySelectorAll("[data-days]")) button.setAttribute("aria-pressed", String(Number(button.dataset.days) === days));
  const why = state && !state.usage_kept ? "Usage is not kept (USAGE_DB)." : rows.length ? "" : "Nothing was used in this time.";
  $("usagenote").hidden = !why;
  $("usagenote").textContent = why;
};

const drawTiles = () => {
  const list = [...ended.values()];
  const tile = (name, value, kind = "") => el("div", `tile ${kind}`, el("b", "", value), el("span", "", name));
  const failed = list.filter((one) => BAD.has(one.outcome)).length;
  const prompt = sum(list, read);
  const cost = list.some((one) => one.cost !== undefined) ? dollars(sum(list, (one) => one.cost)) : "–";
  $("tiles").replaceChildren(
    tile("under way", String(running.length), running.length ? "busy" : ""),
    tile(list.length >= MOST ? "latest" : "requests", String(list.length)),
    tile("failed", String(failed), failed ? "bad" : ""),
    tile("tokens in", tokens(prompt)),
    tile("from cache", prompt ? `${Math.round((100 * sum(list, (one) => one.cache_read)) / prompt)} %` : "–"),
    tile("tokens out", tokens(sum(list, (one) => one.output_tokens))),
    tile("cost", cost),
  );
};

const empty = (section, words) => {
  const place = $(section).querySelector(".empty");
  place.hidden = !words;
  place.textContent = words;
};

const DRAW = { requests: drawRequests, sessions: drawSessions, usage: drawUsage, backends: drawBackends, errors: drawErrors };

const draw = () => {
  drawTiles();
  if (view !== "errors") $("errorcount").textContent = String([...ended.values()].filter((one) => BAD.has(one.outcome)).length || "");
  DRAW[view]();
};

let due = false;
const soon = () => {
  if (due) return;
  due = true;
  requestAnimationFrame(() => { due = false; draw(); });
};

const show = (name) => {
  view = Object.keys(DRAW).includes(name) ? name : "requests";
  name = view;
  for (const section of document.querySelectorAll("[data-for]")) section.hidden = section.dataset.for !== name;
  for (const button of document.querySelectorAll("[data-view]")) {
    if (button.dataset.view === name) button.setAttribute("aria-current", "page");
    else button.removeAttribute("aria-current");
  }
  history.replaceState(null, "", `#${name}`);
  if (name === "usage") loadUsage();
  draw();
};

const toggle = (id) => {
  open = open === id ? null : id;
  chosen = id;
  drawRequests();
  focusOn(id, { scroll: true });
};

const focusOn = (id, { scroll }) => {
  const button = document.querySelector(`li[data-id="${CSS.escape(id)}"] .row`);
  if (button) button.focus({ preventScroll: !scroll });
};

const move = (by) => {
  const buttons = [...document.querySelectorAll("#list .row")];
  if (!buttons.length) return;
  const at = buttons.indexOf(document.activeElement);
  const known = at >= 0 ? at : buttons.findIndex((button) => button.parentElement.dataset.id === chosen);
  const next = buttons[Math.min(buttons.length - 1, Math.max(0, known + by))] || buttons[0];
  chosen = next.parentElement.dataset.id;
  next.focus();
};

// ---- what comes from the proxy ----

const loadUsage = async () => {
  const asked = days;
  let rows = [];
  try {
    const answer = await fetch(`/ui/usage?days=${asked}`);
    if (answer.ok) rows = await answer.json();
  } catch { /* the link says that the proxy is away */ }
  if (asked !== days) return; // another time was asked for meanwhile
  usage = { rows, days: asked };
  if (view === "usage") drawUsage();
};

const take = (news) => {
  for (const one of news.ended) { ended.delete(one.id); ended.set(one.id, one); }
  while (ended.size > MOST) ended.delete(ended.keys().next().value);
  running = news.running.filter((one) => !ended.has(one.id));
  state = news;
  $("about").textContent = news.version;
  if (view === "usage" && news.ended.length) loadUsage();
  soon();
};

const link = (name, words) => {
  if ($("link").dataset.state === name) return;
  $("link").dataset.state = name;
  $("link").textContent = words;
};

// A browser keeps six connections to a host: a page nobody sees takes none of them.
let feed = null;
const hush = () => {
  if (feed) feed.close();
  feed = null;
};

const listen = () => {
  hush();
  feed = new EventSource("/ui/feed");
  feed.onopen = () => link("live", "live");
  feed.onmessage = (event) => { link("live", "live"); take(JSON.parse(event.data)); };
  feed.onerror = () => {
    link("lost", "not connected");
    if (feed && feed.readyState === EventSource.CLOSED) setTimeout(() => { if (!document.hidden) listen(); }, 3000);
  };
};

// ---- the person ----

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches("input")) {
    if (event.key === "Escape") { event.target.value = ""; wanted = ""; event.target.blur(); soon(); }
    return;
  }
  const views = Object.keys(DRAW);
  if (event.key >= "1" && event.key <= String(views.length)) show(views[Number(event.key) - 1]);
  else if (event.key === "/") { event.preventDefault(); show("requests"); $("find").focus(); }
  else if (view === "requests" && ["j", "ArrowDown"].includes(event.key)) { event.preventDefault(); move(1); }
  else if (view === "requests" && ["k", "ArrowUp"].includes(event.key)) { event.preventDefault(); move(-1); }
  else if (event.key === "Escape" && open) toggle(open);
});
for (const button of document.querySelectorAll("[data-view]")) button.addEventListener("click", () => show(button.dataset.view));
for (const button of document.querySelectorAll("[data-days]")) button.addEventListener("click", () => { days = Number(button.dataset.days); loadUsage(); });
$("find").addEventListener("input", (event) => { wanted = event.target.value.trim().toLowerCase(); shown = STEP; soon(); });
$("more").addEventListener("click", () => { shown += STEP; drawRequests(); });
addEventListener("resize", () => { if (view === "usage") drawUsage(); });

addEventListener("pagehide", hush);
addEventListener("pageshow", (event) => { if (event.persisted) listen(); });
document.addEventListener("visibilitychange", () => (document.hidden ? hush() : listen()));
addEventListener("hashchange", () => { if (location.hash.slice(1) !== view) show(location.hash.slice(1)); });
show(location.hash.slice(1));
listen();
