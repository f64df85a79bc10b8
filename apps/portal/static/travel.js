const REST = 250;
const form = document.querySelector("[data-travel]");
const slider = form.elements.minute;
const clock = form.querySelector("output");
const past = "past" in document.body.dataset;
let waiting = 0;
let asked = "";

function show() {
  const minute = Number(slider.value);
  const text = [Math.floor(minute / 60), minute % 60].map((n) => String(n).padStart(2, "0")).join(":");
  clock.textContent = text;
  slider.setAttribute("aria-valuetext", text);
  return text;
}

function address() {
  return `/?at=${form.elements.day.value}T${show()}&lang=${form.elements.lang.value}`;
}

async function go(url, push) {
  if (!past) return location.assign(url);
  asked = url;
  const answer = await fetch(url).catch(() => null);
  if (asked !== url) return;
  if (!answer?.ok || !answer.url.includes("at=")) return location.assign(url);
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (asked !== url) return;
  for (const part of ["[data-swap]", ".bar nav"]) {
    const come = fresh.querySelectorAll(part);
    document.querySelectorAll(part).forEach((old, at) => old.replaceChildren(...come[at].childNodes));
  }
  document.title = fresh.title;
  if (push) history.replaceState(null, "", url);
}

function soon() {
  show();
  if (!form.elements.day.checkValidity()) return;
  clearTimeout(waiting);
  waiting = setTimeout(() => {
    if (!past) sessionStorage.setItem("travelling", slider.id);
    go(address(), true);
  }, REST);
}

slider.addEventListener("input", soon);
form.addEventListener("submit", (event) => {
  event.preventDefault();
  clearTimeout(waiting);
  go(address(), true);
});
if (past) {
  const held = sessionStorage.getItem("travelling");
  sessionStorage.removeItem("travelling");
  if (held) document.getElementById(held)?.focus();
}
