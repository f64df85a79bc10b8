const words = JSON.parse(document.body.dataset.words);
const language = document.body.dataset.language;
const space = language === "ja" ? "" : " ";
let latest = null;
let skew = 0;

const at = (holder, path) =>
  path.split(".").reduce((inner, name) => (inner == null ? inner : inner[name]), holder);

function write(element, text) {
  const wanted = text ?? "";
  if (element.textContent !== wanted) element.textContent = wanted;
}

function drawLight(root, light) {
  const lamps = root.querySelector(".lamps");
  if (!lamps || !light) return;
  lamps.setAttribute("fill", light.colour);
  lamps.setAttribute("color", light.colour);
  lamps.dataset.colour = light.colour;
  lamps.dataset.effect = light.effect;
  lamps.classList.toggle("blinking", light.effect === "blink");
  lamps.classList.toggle("unreported", !light.reported);
  lamps.classList.toggle("dark", light.effect === "off");
  lamps.style.setProperty("--period", `${Math.max(1000, light.blinkMs)}ms`);
  root.querySelector("[data-commanded]").setAttribute("fill", light.commandedColour);
  root.querySelector("[data-light-status]").dataset.lightStatus = light.statusKind;
  drawAge(root, "light", light);
  root.querySelector("[data-swatch]").setAttribute("fill", light.swatch);
  root.querySelector(".bridge").setAttribute("aria-label", `${light.name}: ${light.words}`);
}

function drawAge(root, name, part) {
  const age = root.querySelector(`[data-age="${name}"]`);
  age.dataset.observed = part.observedAt ?? "";
  age.dataset.staleAfter = part.staleAfter;
}

function drawLevel(root, situation) {
  const { station, stage } = situation;
  const water = root.querySelector(".water");
  if (!water || !station) return;
  water.setAttribute("y", station.scale.waterY + 10);
  water.setAttribute("height", station.scale.waterHeight);
  const label = root.querySelector("[data-stage]");
  label.className = `stage ${stage.step}`;
  drawAge(root, "station", station);
  station.scale.marks.forEach((mark) => {
    root.querySelector(`.mark.${mark.step}`)?.setAttribute("transform", `translate(0 ${mark.y + 10})`);
  });
}

function drawAlerts(root, alerts) {
  const list = root.querySelector("[data-alerts]");
  if (!list) return;
  const key = JSON.stringify(alerts);
  if (list.dataset.key === key) return;
  list.dataset.key = key;
  list.replaceChildren(
    ...alerts.map((alert) => {
      const item = document.createElement("li");
      const issued = document.createElement("small");
      issued.textContent = alert.issuedText;
      item.append(`${alert.text} `, issued);
      return item;
    }),
  );
  root.querySelector("[data-no-alerts]").hidden = alerts.length > 0;
}

function drawOrders(root, orders) {
  const list = root.querySelector("[data-orders]");
  const key = JSON.stringify(orders);
  if (list.dataset.key === key) return;
  list.dataset.key = key;
  list.replaceChildren(
    ...orders.map((order) => {
      const item = document.createElement("li");
      item.dataset.level = order.level;
      item.classList.toggle("lifted", order.lifted);
      for (const [kind, text] of [["strong", order.text], ["p", order.body], ["small", `${words.published_at} ${order.issuedText}`]]) {
        item.append(Object.assign(document.createElement(kind), { textContent: text }));
      }
      return item;
    }),
  );
}

function drawStations(root, stations) {
  for (const station of stations) {
    const row = root.querySelector(`[data-station="${CSS.escape(station.id)}"]`);
    row?.querySelectorAll("[data-cell]").forEach((cell) => write(cell, station[cell.dataset.cell]));
  }
}

function drawMap(light) {
  const bridge = document.querySelector("[data-map-bridge]");
  if (!bridge || !light) return;
  bridge.setAttribute("fill", light.swatch);
  write(document.querySelector("[data-map-words]"), light.words);
}

function draw(town) {
  latest = town;
  skew = Date.parse(town.now) - Date.now();
  for (const root of document.querySelectorAll("[data-situation]")) {
    const situation = town.situations[root.dataset.situation];
    if (situation.known && !root.querySelector(".cards")) return location.reload();
    root.querySelectorAll("[data-bind]").forEach((e) => write(e, at(situation, e.dataset.bind)));
    root.querySelectorAll("[data-show]").forEach((e) => { e.hidden = !at(situation, e.dataset.show); });
    drawLight(root, situation.light);
    drawLevel(root, situation);
    drawOrders(root, situation.orders);
    drawAlerts(root, situation.alerts);
    drawStations(root, situation.stations);
  }
  document.querySelectorAll("[data-top]").forEach((e) => write(e, town[e.dataset.top]));
  document.body.dataset.drill = town.drill;
  document.querySelector('[data-situation="drill"]').hidden = town.drill === "none";
  document.getElementById("broker-lost").hidden = town.connected;
  drawMap(town.situations.real.light);
  drawCurves("real", town.situations.real.curve);
  if (town.drill !== "none") drawCurves("drill", town.situations.drill.curve);
  tick();
}

function riverTime(kind) {
  const now = Date.now() + skew;
  const clock = latest?.clock;
  if (kind !== "drill" || !clock) return now;
  const played = Date.parse(clock.playedFrom) + (now - Date.parse(clock.startedAt)) * clock.speed;
  return Math.min(played, Date.parse(clock.playedUntil));
}

function age(seconds) {
  for (const [limit, unit, name] of [[120, 1, "seconds"], [7200, 60, "minutes"], [172800, 3600, "hours"]]) {
    if (seconds < limit) return `${Math.max(0, Math.floor(seconds / unit))}${space}${words[name]}`;
  }
  return `${Math.floor(seconds / 86400)}${space}${words.days}`;
}

function tick() {
  for (const root of document.querySelectorAll("[data-situation]")) {
    for (const element of root.querySelectorAll("[data-age]")) {
      if (!element.dataset.observed) continue;
      const now = element.dataset.age === "light" ? Date.now() + skew : riverTime(root.dataset.situation);
      const seconds = (now - Date.parse(element.dataset.observed)) / 1000;
      write(element, age(seconds));
      const stale = seconds > Number(element.dataset.staleAfter);
      element.classList.toggle("stale", stale);
      element.parentElement.querySelector(".stale-note").hidden = !stale;
    }
  }
  const clock = document.querySelector("[data-clock]");
  if (clock && latest?.clock) {
    const shown = new Intl.DateTimeFormat("sv-SE", {
      timeZone: "Asia/Tokyo", dateStyle: "short", timeStyle: "short",
    });
    write(clock, `${shown.format(riverTime("drill"))} JST`);
    write(document.querySelector("[data-speed]"), `×${latest.clock.speed}`);
  }
}

const drawn = {};

async function drawCurves(kind, version) {
  const place = document.querySelector(`[data-curves="${kind}"]`);
  if (!place || place.dataset.version === String(version) || drawn[kind]) return;
  drawn[kind] = setTimeout(() => { drawn[kind] = 0; drawCurves(kind, latest.situations[kind].curve); }, CURVES_EVERY);
  const answer = await fetch(`/curves/${kind}?lang=${language}`).catch(() => null);
  if (!answer?.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of [".curves-drawing", "tbody"]) {
    place.querySelector(part).replaceChildren(...fresh.querySelector(part).childNodes);
  }
  place.dataset.version = version;
}

const CUTS = 3;
const PATIENCE = 40_000;
const POLL_EVERY = 10_000;
const POLLS = 6;
const CURVES_EVERY = 5_000;
const CURVES_AT_LEAST_EVERY = 60_000;
let cuts = 0;
let heard = Date.now();
let source = null;

function show(state) {
  const pill = document.querySelector("[data-connection]");
  if (pill.dataset.connection === state) return;
  pill.dataset.connection = state;
  const since = new Intl.DateTimeFormat("sv-SE", { timeZone: "Asia/Tokyo", timeStyle: "medium" });
  write(document.getElementById("outdated"), words.state_stale.replace("{time}", since.format(heard)));
  document.getElementById("live").hidden = state !== "live";
  document.getElementById("polling").hidden = state !== "poll";
  document.getElementById("outdated").hidden = state !== "stale";
  document.getElementById("page-lost").hidden = state !== "stale";
}

function take(town, state) {
  heard = Date.now();
  draw(town);
  show(state);
}

function listen() {
  source = new EventSource(`/live?lang=${language}`);
  source.addEventListener("town", (event) => { cuts = 0; take(JSON.parse(event.data), "live"); });
  source.addEventListener("still", () => { heard = Date.now(); });
  source.addEventListener("error", cut);
}

function cut() {
  cuts += 1;
  if (document.querySelector("[data-connection]").dataset.connection !== "poll") show("stale");
  if (cuts < CUTS && source.readyState !== EventSource.CLOSED) return;
  source.close();
  source = null;
  poll(POLLS);
}

async function poll(left) {
  const answer = await fetch(`/town.json?lang=${language}`).catch(() => null);
  if (answer?.ok) take(await answer.json(), "poll");
  else show("stale");
  if (left > 1) setTimeout(poll, POLL_EVERY, left - 1);
  else setTimeout(() => { cuts = CUTS - 1; listen(); }, POLL_EVERY);
}

listen();
setInterval(() => { if (latest) tick(); }, 1000);
setInterval(() => {
  if (!latest) return;
  for (const place of document.querySelectorAll("[data-curves]")) {
    place.dataset.version = "";
    if (!place.closest("[hidden]")) drawCurves(place.dataset.curves, latest.situations[place.dataset.curves].curve);
  }
}, CURVES_AT_LEAST_EVERY);
setInterval(() => { if (source && Date.now() - heard > PATIENCE) cut(); }, 5000);
