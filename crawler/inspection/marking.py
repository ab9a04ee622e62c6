"""The part of an explanation's HTML in which a person marks what is story and what is furniture, and gets a marks file.

The script is part of the file and loads nothing. Where scripts do not run, the page reads as it does without this part.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from html import escape

from cleaning import FIELD_NAMES, Article, RawPage
from cleaning.rule_authoring.marks import MARKS_VERSION, value_of
from crawler.inspection.explanation_text import safe

STYLE = """
[data-is] { position: relative; } .marked-story { outline: 2px solid #2c7a3f; } .marked-furniture { outline: 2px solid #b3261e; }
.choice { margin-left: .5rem; white-space: nowrap; opacity: 0; user-select: none; text-decoration: none; display: inline-block; }
:is([data-is], .cut):is(:hover, :focus-within) > .choice, .choice:has([aria-pressed=true]), summary:hover .choice { opacity: 1; }
@media (hover: none) { .choice { opacity: 1; } }
button { font: inherit; font-size: .75rem; line-height: 1.5; padding: 0 .5rem; border: 1px solid var(--line); border-radius: .7rem;
  background: var(--paper); color: var(--ink); cursor: pointer; }
button[aria-pressed=true] { background: var(--ink); color: var(--paper); }
#marks { position: sticky; bottom: 0; background: var(--paper); border-top: 2px solid var(--ink); padding: .6rem 0; margin-top: 2rem;
  font-size: .9rem; max-height: 70vh; overflow: auto; }
#marks label { display: block; } #marks textarea, #marks input[type=text] { width: 100%; box-sizing: border-box; font: inherit;
  color: var(--ink); background: var(--paper); border: 1px solid var(--line); }
#marks #download { font-size: .9rem; padding: .2rem 1rem; margin-right: .6rem; } #marks details { margin-top: .4rem; }
@media print { #marks, .choice { display: none; } }
"""

_SCRIPT = """"use strict";
(() => {
  const form = document.getElementById("marks");
  const blocks = [...document.querySelectorAll("[data-is]")].map(element => ({element, text: element.textContent, chosen: null}));
  const texts = {story: "story", furniture: "furniture"};
  const fields = [...form.querySelectorAll("[data-field]")];
  const values = field => field.value.split("\\n").map(line => line.trim()).filter(Boolean);
  const first = new Map(fields.map(field => [field, values(field).join("\\n")]));
  const output = form.querySelector("textarea[readonly]");

  function content() {
    const rest = form.rest.checked;
    const marked = blocks.filter(block => block.chosen || rest).map(block => block.chosen
      ? {is: block.chosen, by_hand: true, text: block.text} : {is: block.element.dataset.is, text: block.text});
    const stated = fields.filter(field => values(field).join("\\n") !== first.get(field) || (rest && values(field).length));
    return JSON.stringify({pressline_marks: +form.dataset.version, url: form.dataset.url, outlet: form.dataset.outlet,
      fetched_at: form.dataset.fetched, content_type: form.dataset.type, blocks: marked,
      fields: Object.fromEntries(stated.map(field => [field.dataset.field, values(field)]))}, null, 1) + "\\n";
  }

  function show() {
    const count = kind => blocks.filter(block => block.chosen === kind).length;
    const changed = fields.filter(field => values(field).join("\\n") !== first.get(field)).length;
    form.querySelector("output").textContent =
      `Marked as story: ${count("story")}, as furniture: ${count("furniture")}; corrected fields: ${changed}`;
    if (form.querySelector("details.text").open) output.value = content();
    for (const block of blocks) {
      for (const kind in texts) {
        block.element.classList.toggle("marked-" + kind, block.chosen === kind);
        block.buttons[kind].setAttribute("aria-pressed", block.chosen === kind);
      }
    }
    for (const box of boxes)
      for (const kind in texts) box.buttons[kind].setAttribute("aria-pressed", box.blocks.every(block => block.chosen === kind));
  }

  function choice(marked, label) {
    const place = document.createElement("span"), buttons = {};
    place.className = "choice";
    for (const kind in texts) {
      const button = buttons[kind] = document.createElement("button");
      button.type = "button";
      button.textContent = label + texts[kind];
      button.addEventListener("click", event => {
        event.preventDefault();
        const chosen = marked.every(block => block.chosen === kind) ? null : kind;
        for (const block of marked) block.chosen = chosen;
        show();
      });
      place.append(button, " ");
    }
    return {place, buttons};
  }

  for (const block of blocks) {
    const {place, buttons} = choice([block], "");
    block.buttons = buttons;
    block.element.append(place);
  }
  const boxes = [...document.querySelectorAll(".cut")].map(box => {
    const inside = blocks.filter(block => box.contains(block.element));
    const {place, buttons} = choice(inside, inside.length > 1 ? "all " : "");
    if (inside.length > 1) (box.querySelector("summary") || box.querySelector(".label")).append(place);
    return {blocks: inside, buttons};
  });
  form.addEventListener("input", show);
  form.querySelector("details.text").addEventListener("toggle", show);
  form.addEventListener("submit", event => {
    event.preventDefault();
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([content()], {type: "application/json"}));
    link.download = form.dataset.file;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  });
  for (const part of document.querySelectorAll(".for-marking")) part.hidden = false;
  show();
})();
"""
_DIGEST = base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()
POLICY = f"script-src 'sha256-{_DIGEST}'"  # the file's own script and no other
HINT = (
    '<p class="quiet for-marking" hidden>Wrong? Point at a paragraph or a cut and choose what it is, story or furniture; '
    "then download the marks at the foot of the page. <code>scrapy suggest --marks FILE PAGE…</code> makes rules from them.</p>"
)


def marking(page: RawPage, article: Article) -> Iterator[str]:
    """Yield the form and the script."""
    content_type = next((h.value for h in page.headers if h.name.lower() == "content-type"), "text/html")
    facts = {
        "version": str(MARKS_VERSION),
        "url": page.url,
        "outlet": page.outlet,
        "fetched": page.fetched_at.isoformat(),
        "type": content_type,
        "file": f"{page.outlet}-{page.id[:12]}.marks.json",
    }
    data = " ".join(f'data-{name}="{escape(safe(value))}"' for name, value in facts.items())
    yield f'<form id="marks" class="for-marking" aria-label="Marks" {data} hidden>'
    yield '<button id="download">Download marks</button> <output></output>'
    yield '<label><input type="checkbox" name="rest" checked> all that I have not marked is right as it stands</label>'
    yield "<details><summary>Correct the fields</summary>"
    for name in FIELD_NAMES:
        yield f"<label>{name}{_HELP.get(name, '')} {_input(name, value_of(article, name))}</label>"
    yield "</details>"
    yield '<details class="text"><summary>Show the marks, to copy them</summary><textarea readonly rows="12"></textarea></details>'
    yield f"</form>\n<script>{_SCRIPT}</script>"


_HELP = {
    "authors": ", one on a line",
    "published_at": ", as 2026-03-04 or 2026-03-04T17:30:00+01:00",
}


def _input(name: str, values: tuple[str, ...]) -> str:
    """Return the input of one field. A summary may be long, and authors may be several."""
    text = escape(safe("\n".join(values)))
    if name in ("authors", "summary"):
        return f'<textarea rows="2" data-field="{name}">\n{text}</textarea>'
    return f'<input type="text" data-field="{name}" value="{text}">'
