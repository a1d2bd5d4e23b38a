"use strict";
// The image: fit, zoom, move, tone, full screen, and the strip where a figure has several.
const view = { scale: 1, x: 0, y: 0, fit: true };

function drawImage() {
  const { images } = page.item;
  const shown = images[page.image];
  const missing = !shown || shown.missing;
  $("image").hidden = missing;
  $("no-image").hidden = !missing;
  $("no-image").textContent = shown ? `The image ${shown.name} is missing from the store.` : "This item has no image.";
  if (!missing) {
    $("image").src = `/image/${shown.sha256}`;
    $("image").alt = `Image ${page.image + 1} of ${images.length}`;
  } else $("image").removeAttribute("src");
  $("size").textContent = shown?.width ? `${shown.width} × ${shown.height} px` : "";
  $("strip").hidden = images.length < 2;
  $("strip").replaceChildren(...images.map((each, number) => make("button", { "aria-pressed": String(number === page.image), "aria-label": `Image ${number + 1}`, onclick: () => pickImage(number) },
    each.missing ? "?" : make("img", { src: `/image/${each.sha256}`, alt: "" }))));
  view.fit = true;
}
function pickImage(number) {
  const count = page.item.images.length;
  if (!count) return;
  page.image = (number + count) % count;
  drawImage();
}
function place() {
  const image = $("image");
  if (!image.naturalWidth) return;
  const stage = $("stage").getBoundingClientRect();
  if (view.fit) {
    view.scale = Math.min(stage.width / image.naturalWidth, stage.height / image.naturalHeight);
    view.x = (stage.width - image.naturalWidth * view.scale) / 2;
    view.y = (stage.height - image.naturalHeight * view.scale) / 2;
  }
  image.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.scale})`;
  image.style.imageRendering = view.scale >= 3 ? "pixelated" : "auto";
  $("zoom").textContent = `${Math.round(view.scale * 100)} %`;
}
function zoom(factor, x, y) {
  const stage = $("stage").getBoundingClientRect();
  const px = x ?? stage.width / 2;
  const py = y ?? stage.height / 2;
  const scale = Math.min(32, Math.max(0.05, view.scale * factor));
  view.x = px - ((px - view.x) * scale) / view.scale;
  view.y = py - ((py - view.y) * scale) / view.scale;
  view.scale = scale;
  view.fit = false;
  place();
}
function pan(x, y) { view.x += x; view.y += y; view.fit = false; place(); }
function tone() {
  const invert = document.querySelector("[data-tool=invert]").getAttribute("aria-pressed") === "true";
  $("image").style.filter = `${invert ? "invert(1) " : ""}brightness(${$("level").value}%) contrast(${$("window").value}%)`;
}
function shift(id, step) { $(id).value = String(Number($(id).value) + step); tone(); }
const tools = {
  fit: () => { view.fit = true; place(); },
  "full-size": () => zoom(1 / view.scale),
  in: () => zoom(1.25),
  out: () => zoom(0.8),
  invert: () => { const button = document.querySelector("[data-tool=invert]"); button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true")); tone(); },
  reset: () => { $("level").value = "100"; $("window").value = "100"; document.querySelector("[data-tool=invert]").setAttribute("aria-pressed", "false"); tone(); tools.fit(); },
  full: () => (document.fullscreenElement ? document.exitFullscreen() : $("stage").requestFullscreen().catch(() => {})),
};
$("image").addEventListener("load", place);
$("image").addEventListener("error", () => { $("image").hidden = true; $("no-image").hidden = false; $("no-image").textContent = "The image cannot be shown."; });
new ResizeObserver(place).observe($("stage"));
$("stage").addEventListener("wheel", (event) => {
  event.preventDefault();
  const stage = $("stage").getBoundingClientRect();
  zoom(Math.exp(-event.deltaY / 400), event.clientX - stage.left, event.clientY - stage.top);
}, { passive: false });
// One finger or the mouse moves the image; two fingers zoom around the point between them.
const held = new Map();
function grip() {
  const points = [...held.values()];
  const [x, y] = [0, 1].map((axis) => points.reduce((sum, point) => sum + point[axis], 0) / points.length);
  return { x, y, span: points.length < 2 ? 1 : Math.max(1, Math.hypot(points[0][0] - points[1][0], points[0][1] - points[1][1])) };
}
$("stage").addEventListener("pointerdown", (event) => { held.set(event.pointerId, [event.clientX, event.clientY]); $("stage").setPointerCapture(event.pointerId); });
$("stage").addEventListener("pointermove", (event) => {
  if (!held.has(event.pointerId)) return;
  const before = grip();
  held.set(event.pointerId, [event.clientX, event.clientY]);
  const after = grip();
  const stage = $("stage").getBoundingClientRect();
  pan(after.x - before.x, after.y - before.y);
  if (held.size > 1) zoom(after.span / before.span, after.x - stage.left, after.y - stage.top);
});
for (const name of ["pointerup", "pointercancel"]) $("stage").addEventListener(name, (event) => held.delete(event.pointerId));
for (const id of ["level", "window"]) $(id).addEventListener("input", tone);
for (const button of document.querySelectorAll("[data-tool]")) button.addEventListener("click", () => tools[button.dataset.tool]());
