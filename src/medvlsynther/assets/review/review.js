"use strict";
// The reviewing page: queue, item, decisions, pairs of images, keys.

// ------------------------------------------------------------------------------------------------ queue

function wanted() {
  return Object.fromEntries(filters.map((field) => [field.dataset.filter, field.value]));
}

function show(id) {
  for (const name of ["items-view", "pairs-view", "empty-view"]) $(name).hidden = name !== id;
}

const loadQueue = guarded(async (place) => {
  const query = wanted();
  localStorage.setItem(remembered, JSON.stringify(query));
  const set = ["type", "modality", "anatomy", "band", "criterion", "rule"].filter((name) => query[name]).length + (query.status !== "accepted");
  $("filters-count").textContent = set ? ` (${set})` : "";
  const turn = ++page.sent;
  const told = await call(`/api/queue?${new URLSearchParams({ rater, ...query })}`);
  if (turn !== page.sent) return;
  page.places = told.places;
  page.done = new Set(told.done);
  const asked = page.places.indexOf(place);
  page.at = asked >= 0 ? asked : Math.max(0, page.places.findIndex((each) => !page.done.has(each)));
  await open();
});

const open = guarded(async () => {
  if (page.mode === "pairs") return openPair();
  if (!page.places.length) {
    page.item = null;
    $("position").textContent = "0";
    return show("empty-view");
  }
  const turn = ++page.sent;
  const item = await call(`/api/item/${page.places[page.at]}?${new URLSearchParams({ rater })}`);
  if (turn !== page.sent) return;
  page.item = item;
  page.image = 0;
  page.row = -1;
  page.rulings = {};
  for (const ruling of item.state.decision?.rulings ?? []) page.rulings[ruling.criterion] = ruling;
  page.began = performance.now();
  show("items-view");
  history.replaceState(null, "", `${location.pathname}${location.search}#item-${item.place}`);
  draw();
  drawImage();
  document.querySelector(".right .scroll").scrollTop = 0;
  $("source").scrollTop = 0;
});

const go = (step) => {
  if (page.mode === "pairs") {
    page.pair = Math.min(Math.max(0, page.pair + step), Number(document.body.dataset.pairs) - 1);
    return open();
  }
  const at = Math.min(Math.max(0, page.at + step), page.places.length - 1);
  if (at === page.at) return undefined;
  page.at = at;
  return open();
};

function nextOpen() {
  const count = page.places.length;
  for (let step = 1; step <= count; step += 1) {
    const at = (page.at + step) % count;
    if (!page.done.has(page.places[at])) {
      page.at = at;
      return open();
    }
  }
  draw();
  $("saved").textContent = "All of this queue are decided.";
  return undefined;
}

// ------------------------------------------------------------------------------------------------- item

function draw() {
  const { item } = page;
  const whole = item.whole;
  $("position").textContent = `${page.at + 1} / ${page.places.length} · ${page.done.size} decided`;
  $("stem").replaceChildren(marked(whole ? whole.question : item.question));
  $("last-key").textContent = String(item.letters.length);
  $("options").replaceChildren(...(whole ? whole.options : item.options).map((option, number) => drawOption(option, number, item)));
  $("blind-bar").hidden = Boolean(whole);
  $("decide-bar").hidden = !whole;
  $("flags").replaceChildren(...drawFlags(item));
  $("rest").replaceChildren(...(whole ? drawRest(whole) : []));
  $("source").replaceChildren(...(whole ? drawSource(whole) : []));
  const decision = item.state.decision;
  for (const button of document.querySelectorAll("[data-decide]")) button.setAttribute("aria-pressed", String(decision?.decision === button.dataset.decide));
  const why = decision ? worded(decision.tags, decision.note) : "";
  $("saved").textContent = decision ? `saved: ${decision.decision}` : "";
  $("saved").append(why ? make("bdi", {}, ` (${why})`) : "");
  drawNoted();
}

function drawOption(option, number, item) {
  const letter = item.letters[number];
  const whole = item.whole;
  const key = whole?.answer === letter;
  const chosen = item.state.answer === letter;
  const words = [key ? "key" : "", chosen ? "your answer" : ""].filter(Boolean).join(", ");
  return make("button", { class: `option${key ? " key" : ""}${chosen && !key ? " wrong" : ""}`, disabled: Boolean(whole), onclick: () => answer(letter) },
    make("b", {}, letter), make("span", {}, marked(option)), words ? make("em", {}, words) : null);
}

function drawFlags(item) {
  const found = [];
  if (item.synthetic) found.push(make("span", { class: "badge" }, "drawn figure, no patient"));
  if (!item.whole) return found;
  for (const part of item.whole.about) found.push(make("span", { class: "badge" }, part));
  if (item.whole.reject) found.push(make("span", { class: "badge bad" }, item.whole.reject));
  return found;
}

function drawRest(whole) {
  const found = [];
  if (whole.notes.length) {
    found.push(make("h3", {}, "Lint"), make("ul", { class: "lint" }, ...whole.notes.map(drawNote)));
  }
  if (whole.rubric) found.push(...drawRubric(whole.rubric));
  if (whole.trials.length) {
    found.push(make("h3", {}, "Models without and with the image"), make("ul", { class: "lint" },
      ...whole.trials.map((trial) => make("li", {}, `${trial.model}, ${trial.view}: ${trial.right} of ${trial.asked} right`))));
  }
  found.push(make("p", { class: "muted" }, make("small", {}, `${page.item.item_id} · written by ${whole.writer}`)));
  return found;
}

function drawNote(note) {
  return make("li", {}, make("strong", { class: note.severity === "error" || note.severity === "quarantine" ? "bad-text" : "" }, `${note.rule} ${note.severity}`), " ", make("bdi", {}, note.detail));
}

function drawRubric(rubric) {
  const score = rubric.score === null ? "no score" : rubric.score.toFixed(3);
  const head = make("h3", {}, `Rubric ${rubric.name}: ${score}, ${rubric.passed ? "passed" : "not passed"} (${rubric.by})`);
  const second = rubric.second ? make("p", { class: "muted" }, `${rubric.second.model}: ${rubric.second.passed === null ? "no opinion" : rubric.second.passed ? "passed" : `not met: ${rubric.second.failed.join(", ")}`}`) : null;
  const columns = ["criterion", "points", "mark", "linter", "you"];
  return [head, second, make("table", {},
    make("thead", {}, make("tr", {}, ...columns.map((name) => make("th", { scope: "col", class: name === "points" ? "n" : "" }, name)))),
    make("tbody", {}, ...rubric.marks.map(drawMark)))].filter(Boolean);
}

function drawMark(mark, row) {
  const lint = mark.lint === null ? make("span", { class: "muted" }, "–") : mark.lint.length ? make("bdi", { class: "bad-text", title: mark.lint.join("\n") }, mark.lint.map((each) => each.split(" ")[0]).join(", ")) : make("span", { class: "good-text" }, "ok");
  const ruled = page.rulings[mark.criterion];
  const button = (agrees, text, label) => make("button", { "aria-pressed": String(ruled?.agrees === agrees), "aria-label": `${label}: ${mark.title}`, onclick: () => rule(row, agrees) }, text);
  return make("tr", { class: row === page.row ? "current" : "" },
    make("td", { title: mark.text }, make("bdi", {}, mark.title), mark.note ? make("small", {}, make("bdi", {}, mark.note)) : null),
    make("td", { class: "n" }, String(mark.weight)),
    make("td", { class: mark.passed ? "good-text" : "bad-text" }, mark.passed ? "met" : mark.by === "missing" ? "missing" : "not met"),
    make("td", {}, lint),
    make("td", {}, make("div", { class: "rule" }, button(true, "agree", "Agree"), button(false, "disagree", "Disagree"))));
}

function drawSource(whole) {
  const found = [];
  const article = whole.article;
  if (article) {
    const standing = article.standing === "allowed" ? "good" : "bad";
    found.push(make("p", {}, make("span", { class: `badge ${standing}`, title: article.attribution }, article.licence),
      article.link ? make("a", { href: article.link, target: "_blank", rel: "noopener noreferrer" }, article.title || article.id) : make("bdi", {}, article.title || article.id),
      make("small", {}, ` ${[article.journal, article.year].filter(Boolean).join(" ")}`)));
  }
  if (whole.caption) found.push(make("p", {}, make("strong", {}, `${whole.label || "Caption"} `), marked(whole.caption)));
  whole.mentions.forEach((mention, number) => found.push(make("p", {}, make("small", {}, `${number + 1} `), marked(mention))));
  return found;
}

const answer = guarded(async (letter) => {
  if (page.item.whole) return;
  const place = page.item.place;
  const told = await call("/api/answer", { rater, place, letter, seconds: Math.min(86400, (performance.now() - page.began) / 1000) });
  if (page.item.place !== place) return;
  page.item = told;
  draw();
  recall();
});

function rule(row, agrees) {
  const mark = page.item.whole.rubric.marks[row];
  page.row = row;
  page.rulings[mark.criterion] = { criterion: mark.criterion, marked: mark.passed, agrees };
  keep();
  draw();
}

// A draft lies in the browser until it is saved, so that a reload loses nothing.
function draftName() {
  return `${remembered}:draft:${page.item.item_id}:${page.item.whole?.seen ?? ""}`;
}
function keep(draft) {
  const old = JSON.parse(localStorage.getItem(draftName()) ?? "{}");
  localStorage.setItem(draftName(), JSON.stringify({ ...old, ...draft, rulings: page.rulings }));
}
function kept() {
  return JSON.parse(localStorage.getItem(draftName()) ?? "{}");
}
function recall() {
  page.rulings = { ...page.rulings, ...kept().rulings };
  draw();
}

// Tags and a note go with whichever decision comes next, so the reviewer sees what waits to be sent.
function noted() {
  const { tags = [], note = "" } = page.item.whole ? kept() : {};
  return { tags, note };
}
function drawNoted() {
  const { tags, note } = noted();
  $("noted").textContent = worded(tags, note);
  $("noted").hidden = !$("noted").textContent;
}
function worded(tags, note) {
  const boxes = [...document.querySelectorAll("[name=tag]")];
  const words = tags.map((tag) => boxes.find((box) => box.value === tag)?.parentElement.textContent.trim() ?? tag);
  return [...words, note].filter(Boolean).join("; ");
}

const decide = guarded(async (decision, more = {}) => {
  const item = page.item;
  if (!item?.whole) return;
  $("saved").textContent = "saving …";
  await call("/api/decide", { rater, place: item.place, decision, seen: item.whole.seen, rulings: Object.values(page.rulings), ...more });
  localStorage.removeItem(draftName());
  page.done.add(item.place);
  await nextOpen();
});

const undo = guarded(async () => {
  const last = await call("/api/undo", { rater });
  if (!last.kind) { $("saved").textContent = "Nothing to undo."; return; }
  if (last.kind === "pair") { setMode("pairs"); page.pair = last.place ?? 0; await open(); $("pair-saved").textContent = "undone"; return; }
  setMode("items");
  await loadQueue(last.place);
  if (last.place !== null && page.item?.place !== last.place) { page.places.unshift(last.place); page.at = 0; await open(); }
  $("saved").textContent = "undone";
});

// ------------------------------------------------------------------------------------------------ pairs

function setMode(mode) {
  page.mode = mode;
  for (const each of ["items", "pairs"]) {
    if (each === mode) $(`to-${each}`)?.setAttribute("aria-current", "page");
    else $(`to-${each}`)?.removeAttribute("aria-current");
  }
  for (const id of ["order", "filters-open", "search"]) $(id).disabled = mode === "pairs";
  drawFilters();
}
const openPair = guarded(async () => {
  const pair = await call(`/api/pair/${page.pair}?${new URLSearchParams({ rater })}`);
  show("pairs-view");
  history.replaceState(null, "", `${location.pathname}${location.search}#pair-${page.pair}`);
  localStorage.setItem(`${remembered}:pair`, String(page.pair));
  $("position").textContent = `${page.pair + 1} / ${pair.count}`;
  $("pair-told").replaceChildren(make("strong", {}, pair.kind), ` ${pair.measure}${pair.score === null ? "" : ` ${pair.score.toFixed(3)}`} `, make("bdi", { class: "muted" }, pair.evidence));
  for (const side of ["left", "right"]) {
    const image = $(`${side}-image`);
    if (pair[side].sha256) image.src = `/image/${pair[side].sha256}`;
    else image.removeAttribute("src");
    $(`${side}-name`).textContent = `${pair[side].set} ${pair[side].id}${pair[side].sha256 ? "" : " (image not in the store)"}`;
  }
  $("pair-saved").textContent = pair.same ? `saved: ${pair.same}` : "";
  for (const button of document.querySelectorAll("[data-same]")) button.setAttribute("aria-pressed", String(pair.same === button.dataset.same));
});
const adjudicate = guarded(async (same) => {
  await call("/api/pair", { rater, place: page.pair, same });
  if (page.pair + 1 < Number(document.body.dataset.pairs)) page.pair += 1;
  await openPair();
});
for (const button of document.querySelectorAll("[data-same]")) button.addEventListener("click", () => adjudicate(button.dataset.same));

// ------------------------------------------------------------------------------------------------- keys

const anywhere = {
  j: () => go(1), k: () => go(-1), "?": () => $("help").showModal(), "/": () => $("search").focus(), z: () => undo(),
  p: () => { if (document.body.dataset.pairs !== "0") { setMode(page.mode === "pairs" ? "items" : "pairs"); open(); } },
};
const onPairs = { s: () => adjudicate("same"), d: () => adjudicate("different"), u: () => adjudicate("unsure") };
const onItems = {
  n: () => nextOpen(), v: () => answer(null), "+": tools.in, "=": tools.in, "-": tools.out, 0: tools.fit, o: tools["full-size"], i: tools.invert, x: tools.reset, f: tools.full,
  "[": () => shift("level", -10), "]": () => shift("level", 10), "{": () => shift("window", -10), "}": () => shift("window", 10),
  ",": () => pickImage(page.image - 1), ".": () => pickImage(page.image + 1),
  ArrowLeft: () => pan(40, 0), ArrowRight: () => pan(-40, 0), ArrowUp: () => pan(0, 40), ArrowDown: () => pan(0, -40),
};
const onWhole = { a: decisions.accept, e: decisions.edit, r: decisions.reject, u: decisions.unsure, t: decisions.note, y: () => ruleNext(true), Y: () => ruleNext(false) };
function ruleNext(agrees) {
  const marks = page.item.whole.rubric?.marks ?? [];
  if (!marks.length) return;
  rule((page.row + 1) % marks.length, agrees);
  document.querySelector("tr.current")?.scrollIntoView({ block: "nearest" });
}
function keyed(event) {
  if (anywhere[event.key]) return anywhere[event.key];
  if (page.mode === "pairs") return onPairs[event.key];
  if (!page.item) return undefined;
  if (/^[1-9]$/.test(event.key) && !page.item.whole) {
    const letter = page.item.letters[Number(event.key) - 1];
    return letter ? () => answer(letter) : undefined;
  }
  return onItems[event.key] ?? (page.item.whole ? onWhole[event.key] : undefined);
}
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && event.target.matches("input, select")) event.target.blur();
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]") || event.target.matches("input, textarea, select")) return;
  const act = keyed(event);
  if (act) { event.preventDefault(); act(); }
});

for (const button of document.querySelectorAll("[data-decide]")) button.addEventListener("click", () => decisions[button.dataset.decide]());
$("show").addEventListener("click", () => answer(null));
$("tag").addEventListener("click", decisions.note);
$("undo").addEventListener("click", undo);
$("pair-undo").addEventListener("click", undo);
$("prev").addEventListener("click", () => go(-1));
$("next").addEventListener("click", () => go(1));
$("help-open").addEventListener("click", () => $("help").showModal());
$("to-items").addEventListener("click", (event) => { event.preventDefault(); setMode("items"); open(); });
$("to-pairs")?.addEventListener("click", (event) => { event.preventDefault(); setMode("pairs"); open(); });
function drawFilters() { $("filters").hidden = page.mode === "pairs" || $("filters-open").getAttribute("aria-expanded") !== "true"; }
$("filters-open").addEventListener("click", () => {
  $("filters-open").setAttribute("aria-expanded", String($("filters").hidden));
  drawFilters();
});
for (const field of filters) field.addEventListener("change", () => loadQueue());
$("clear").addEventListener("click", () => {
  for (const field of filters) if (field.id !== "order") field.value = field.id === "status" ? "accepted" : "";
  loadQueue();
});

const before = JSON.parse(localStorage.getItem(remembered) ?? "{}");
for (const field of filters) {
  const value = before[field.dataset.filter];
  if (value !== undefined && (field.tagName === "INPUT" || [...field.options].some((option) => option.value === value))) field.value = value;
}
const pairs = Number(document.body.dataset.pairs);
page.pair = Math.min(Number(localStorage.getItem(`${remembered}:pair`) ?? 0), Math.max(0, pairs - 1));
if (pairs && location.hash.startsWith("#pair-")) setMode("pairs");
const asked = /^#item-(\d+)$/.exec(location.hash);
loadQueue(asked ? Number(asked[1]) : undefined).then(() => { if (page.item?.whole) recall(); });
