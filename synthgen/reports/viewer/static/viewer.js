// Keys and marks. A mark counts once the server has answered, which it does when the mark is on disk.
"use strict";

const one = (what) => document.querySelector(what);
const rows = () => [...document.querySelectorAll("a.row")];
const whole = one("article.whole[data-line]");
const pair = one("article.pair");
const keys = one("#keys"), write = one("#write"), said = one("#said");
const readOnly = document.body.dataset.readOnly === "yes";

function say(text, fault) {
  said.textContent = text;
  said.className = fault ? "fault" : "";
}

// A badge says who, then what they decided.
const REJECTS = /^[^:]*: reject\b/;

async function send(mark) {
  if (readOnly) { say("This viewer is read only.", true); return null; }
  try {
    const reply = await fetch("/marks", {
      method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(mark),
    });
    const body = await reply.text();
    if (!reply.ok) { say(`Not marked: ${body}`, true); return null; }
    const made = JSON.parse(body);
    one("#marks").textContent = `${made.marks.toLocaleString("en")} ${made.marks === 1 ? "mark" : "marks"} in the file`;
    return made;
  } catch (fault) {
    say(`Not marked: ${fault.message}`, true);
    return null;
  }
}

// The row that a key is about: the open one, or the one in the list that has the focus.
function current() {
  if (whole) return whole;
  const focused = document.activeElement;
  return focused && focused.matches("a.row[data-line]") ? focused : null;
}

async function markRow(target, mark) {
  const reply = await send({
    file: target.dataset.file, line: Number(target.dataset.line), seen: target.dataset.seen, ...mark,
  });
  if (!reply) return;
  const place = whole ? one(".badges") : target.closest("li").querySelector(".badges");
  place.replaceChildren(...reply.badges.map((text) => {
    const badge = document.createElement("span");
    badge.className = REJECTS.test(text) ? "chip wrong" : "chip mark";
    badge.textContent = text;
    return badge;
  }));
  say(`Line ${target.dataset.line}: ${mark.mark}${mark.grade ? " " + mark.grade : ""}`);
}

function openWriter(target, kind) {
  const fix = kind === "fix";
  const field = one("#write-field"), text = one("#write-text");
  one("#write-title").textContent = fix ? "Fix a text" : "Note";
  one("#field-label").hidden = !fix;
  text.value = "";
  const load = async () => {
    const query = new URLSearchParams({file: target.dataset.file, line: target.dataset.line, field: field.value});
    const reply = await fetch(`/text?${query}`);
    text.value = reply.ok ? (await reply.json()).text : "";
  };
  if (fix) {
    const names = JSON.parse(target.dataset.texts || "[]");
    field.replaceChildren(...names.map((name) => new Option(name, name)));
    field.value = names.includes("output") ? "output" : names[names.length - 1];
    field.onchange = load;
    load();
  }
  one("#write-save").onclick = () => {
    write.close();
    markRow(target, fix ? {mark: "fix", field: field.value, text: text.value} : {mark: "note", text: text.value});
  };
  write.showModal();
  text.focus();
}

function startMark(target, kind, grade) {
  if (!target) { say("Choose a row first, with j and k.", true); return; }
  if (kind === "fix" && !whole) { location.assign(target.href); return; }
  if (kind === "fix" || kind === "note") openWriter(target, kind);
  else markRow(target, grade ? {mark: kind, grade} : {mark: kind});
}

async function prefer(side) {
  const d = pair.dataset;
  const [a, b] = side === "b" ? ["b", "a"] : ["a", "b"];
  const reply = await send({
    mark: "prefer", tie: side === "tie",
    file: d[a], line: Number(d[`${a}Line`]), seen: d[`${a}Seen`],
    over_file: d[b], over_line: Number(d[`${b}Line`]), over_seen: d[`${b}Seen`],
  });
  if (reply) say(side === "tie" ? "Neither is better." : side === "a" ? "Left is better." : "Right is better.");
}

function move(step) {
  if (whole) { follow(step > 0 ? ".next-row" : ".previous-row"); return; }
  const all = rows();
  const at = all.indexOf(document.activeElement);
  const next = all[Math.min(all.length - 1, Math.max(0, at < 0 ? 0 : at + step))];
  if (next) next.focus();
}

function follow(what) {
  const link = one(what);
  if (link) location.assign(link.href);
}

const LETTERS = {
  j: () => move(1), k: () => move(-1),
  n: () => follow("a.next"), p: () => follow("a.previous"),
  b: () => follow("a.back"), s: () => follow("a.story"), c: () => follow("a.compare"),
  h: () => location.assign("/"),
  "/": () => { const box = one("#search"); if (box) { box.focus(); box.select(); } },
  g: () => { const box = one("#line"); if (box) { box.focus(); box.select(); } },
  "?": () => keys.showModal(),
  a: () => startMark(current(), "keep"), x: () => startMark(current(), "reject"),
  e: () => startMark(current(), "fix"), m: () => startMark(current(), "note"),
  u: () => startMark(current(), "undo"),
};
for (const grade of [1, 2, 3, 4, 5]) LETTERS[grade] = () => startMark(current(), "grade", grade);
const PAIR = {ArrowLeft: () => prefer("a"), ArrowRight: () => prefer("b"), t: () => prefer("tie")};

document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input, textarea, select");
  if (event.key === "Escape" && typing && !write.open) { event.target.blur(); return; }
  if (write.open) {
    if (event.key === "Enter" && event.ctrlKey) { event.preventDefault(); one("#write-save").click(); }
    return;
  }
  if (typing || keys.open || event.ctrlKey || event.metaKey || event.altKey) return;
  const act = (pair && PAIR[event.key]) || LETTERS[event.key];
  if (act) { event.preventDefault(); act(); }
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.id === "keys-button") keys.showModal();
  else if (button.dataset.mark) startMark(current(), button.dataset.mark, Number(button.dataset.grade) || 0);
  else if (button.dataset.better) prefer(button.dataset.better);
});

const file = one("#file");
if (file) file.addEventListener("change", () => location.assign(`/rows?${new URLSearchParams({file: file.value})}`));

// A run under way: counts and curves anew every two seconds, as long as something runs and nothing is chosen.
const live = one("#live");
if (live && live.dataset.live === "yes") {
  setInterval(async () => {
    if (live.contains(document.activeElement)) return;
    try {
      const reply = await fetch("/live");
      if (reply.ok) live.innerHTML = await reply.text(); // made by the server's templates, which escape all
    } catch { say("The viewer has stopped.", true); }
  }, 2000);
}
if (whole || pair) (whole || pair).focus();
