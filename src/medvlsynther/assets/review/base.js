"use strict";
// What all parts of the reviewing page use: where it stands, making elements, asking the server.
// Text from items only ever becomes text nodes.
const $ = (id) => document.getElementById(id);
const rater = document.body.dataset.rater;
const filters = [...document.querySelectorAll("[data-filter]")];
const remembered = `review:${location.pathname}:${rater}`;
const page = { places: [], done: new Set(), at: 0, item: null, began: 0, image: 0, rulings: {}, row: -1, mode: "items", pair: 0, sent: 0 };

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") element.className = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

function marked(text) {
  const out = make("bdi");
  const characters = [...text.text];
  let last = 0;
  for (const [start, end, rule] of text.spans) {
    out.append(characters.slice(last, start).join(""), make("mark", { title: rule }, characters.slice(start, end).join("")));
    last = end;
  }
  out.append(characters.slice(last).join(""), text.cut ? " …" : "");
  return out;
}

async function call(path, body) {
  const options = body ? { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) } : {};
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Error("The server does not answer. Nothing was saved since the last “saved”.");
  }
  const text = await answer.text();
  if (!answer.ok) {
    let why = text;
    try { why = JSON.parse(text).error; } catch { /* plain text */ }
    throw new Error(why);
  }
  return JSON.parse(text);
}

function guarded(act) {
  return async (...given) => {
    try {
      $("fault").hidden = true;
      return await act(...given);
    } catch (error) {
      $("fault").textContent = error.message;
      $("fault").hidden = false;
      return undefined;
    }
  };
}
