"use strict";
// What makes the pages better, not what makes them work: each of them does all it does without this file.

const POLL_MS = 500;

// ---- the lanes: loaded anew every few seconds, but never under somebody's hands

function refresh(seconds) {
  const busy = () => document.hidden || !getSelection().isCollapsed || document.activeElement !== document.body;
  setInterval(() => { if (!busy()) location.reload(); }, seconds * 1000);
}

// ---- a lane's rows: one box selects all that are shown, and the buttons say how many there are

function selecting(form) {
  const boxes = [...form.querySelectorAll("input[name=row]")];
  const buttons = [...form.querySelectorAll("button[value=replay], button[value=drop]")];
  const labels = new Map(buttons.map((button) => [button, button.textContent]));
  const all = document.createElement("input");
  all.type = "checkbox";
  const label = document.createElement("label");
  label.className = "pick-all";
  label.append(all, " All shown");
  form.querySelector("[data-pick-all]").prepend(label);

  function show() {
    const number = boxes.filter((box) => box.checked).length;
    all.checked = number === boxes.length;
    all.indeterminate = number > 0 && !all.checked;
    for (const button of buttons) {
      button.disabled = number === 0;
      button.textContent = number === 0 ? labels.get(button) : labels.get(button).replace("selected", String(number));
    }
  }
  all.addEventListener("change", () => { for (const box of boxes) box.checked = all.checked; show(); });
  form.addEventListener("change", show);
  addEventListener("pageshow", show); // a page that comes back has its boxes as they were
  show();
}

// ---- a job: its progress, until it has ended and the page can tell the result

async function follow(section) {
  const bar = section.querySelector("progress");
  const told = section.querySelector(".told");
  for (;;) {
    await new Promise((done) => setTimeout(done, POLL_MS));
    try {
      // The address of the page may hold the token, with which `fetch` takes none.
      const answer = await fetch(new URL(section.dataset.job, location.origin + location.pathname), { cache: "no-store" });
      if (!answer.ok) break;
      const { job } = await answer.json();
      if (job.state !== "running") break;
      bar.max = Math.max(job.total, 1);
      bar.value = job.done;
      told.textContent = `${job.done.toLocaleString("en")} of ${job.total.toLocaleString("en")} rows`;
    } catch {
      told.textContent = "The server does not answer.";
    }
  }
  location.reload();
}

if (document.body.dataset.refresh) refresh(Number(document.body.dataset.refresh));
for (const form of document.querySelectorAll("form.rows")) selecting(form);
for (const section of document.querySelectorAll("[data-job]")) follow(section);
