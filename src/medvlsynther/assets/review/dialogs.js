"use strict";
// The dialogs of a decision: tags and a note, and an edit with what it changes.

function openReject(save) {
  const draft = { ...page.item.state.decision, ...kept() };
  const rejects = save === "reject";
  $("reject-dialog").dataset.then = save;
  $("reject-title").textContent = rejects ? "What is wrong?" : "Tags and note";
  $("reject-word").textContent = rejects ? "Reject" : "Keep for the decision";
  $("reject-save").className = rejects ? "bad" : "main";
  for (const box of $("reject-dialog").querySelectorAll("[name=tag]")) box.checked = (draft.tags ?? []).includes(box.value);
  $("note").value = draft.note ?? "";
  $("reject-dialog").showModal();
}
function rejection() {
  return { tags: [...$("reject-dialog").querySelectorAll("[name=tag]:checked")].map((box) => box.value), note: $("note").value };
}

function openEdit() {
  const { whole, state, letters } = page.item;
  const before = kept().draft ?? (state.decision?.decision === "edit" ? state.decision : null) ?? { question: whole.question.text, options: whole.options.map((each) => each.text), key: whole.answer };
  $("edit-stem").value = before.question;
  $("edit-note").value = kept().note ?? state.decision?.note ?? "";
  $("edit-options").replaceChildren(...before.options.map((option, number) => make("div", { class: "edit-option" },
    make("label", {}, make("input", { type: "radio", name: "key", value: letters[number], "aria-label": `Option ${letters[number]} is the key` }), letters[number]),
    make("input", { type: "text", value: option, maxlength: 20000, "aria-label": `Option ${letters[number]}` }))));
  for (const radio of $("edit-options").querySelectorAll("[type=radio]")) radio.checked = radio.value === before.key;
  $("edit-dialog").showModal();
  page.grave = "";
  $("edit-stem").focus();
  tryEdit();
}
function draft() {
  return {
    question: $("edit-stem").value,
    options: [...$("edit-options").querySelectorAll("[type=text]")].map((field) => field.value),
    key: $("edit-options").querySelector("[type=radio]:checked")?.value ?? "",
  };
}
const tryEdit = guarded(async () => {
  const told = await call("/api/lint", { place: page.item.place, draft: draft() });
  $("diff").replaceChildren(...told.difference.map(([sign, words]) => (sign === "=" ? words : make(sign === "+" ? "ins" : "del", {}, words))));
  const first = $("diff").querySelector("ins, del");
  $("diff").scrollTop = first ? first.offsetTop - $("diff").offsetTop - 20 : 0;
  $("edit-lint").replaceChildren(...(told.notes.length ? told.notes.map(drawNote) : [make("li", { class: "good-text" }, "nothing found")]));
  $("edit-save").disabled = !told.sound;
  $("edit-state").textContent = told.sound ? "" : "An item needs a stem, two to ten options and a key.";
  const grave = told.notes.filter((note) => ["error", "quarantine"].includes(note.severity)).map((note) => `${note.rule} ${note.detail}`).join("\n");
  const news = grave && grave !== page.grave;
  page.grave = grave;
  return { ...told, news };
});
let typing = 0;
$("edit-dialog").addEventListener("input", () => {
  keep({ draft: draft(), note: $("edit-note").value });
  clearTimeout(typing);
  typing = setTimeout(tryEdit, 250);
});
$("reject-dialog").addEventListener("input", () => keep(rejection()));
$("reject-dialog").addEventListener("close", () => {
  const saved = $("reject-dialog").returnValue === "save";
  if (saved && $("reject-dialog").dataset.then === "reject") decide("reject", rejection());
  else {
    if (saved) keep(rejection());
    drawNoted();
  }
});
$("edit-dialog").addEventListener("close", async () => {
  if ($("edit-dialog").returnValue !== "save") return;
  clearTimeout(typing);
  // Linted as it is saved: what the reviewer has not seen yet is shown first, and saving once more means it.
  const told = await tryEdit();
  if (!told?.sound || told.news) {
    $("edit-dialog").showModal();
    if (!told) $("edit-state").textContent = $("fault").textContent;
    else if (told.sound) $("edit-state").textContent = "The linter finds an error. Save once more to keep it so.";
  } else decide("edit", { draft: draft(), note: $("edit-note").value, tags: noted().tags });
});
for (const dialog of document.querySelectorAll("dialog")) {
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); dialog.querySelector("[value=save]")?.click(); }
    else if (event.key === "Enter" && event.target.tagName === "INPUT") event.preventDefault();
  });
  dialog.addEventListener("cancel", () => { dialog.returnValue = "cancel"; });
}

const decisions = { accept: () => decide("accept", noted()), edit: openEdit, reject: () => openReject("reject"), unsure: () => decide("unsure", noted()), note: () => openReject("note") };
