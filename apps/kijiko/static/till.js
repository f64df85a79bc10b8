// Payments show the moment they are committed; without scripts the page shows them when loaded.
const AGAIN = 5000;
const list = document.getElementById("incoming");
const live = document.getElementById("live");
const newest = document.getElementById("newest");
const bill = document.getElementById("bill-card");

function shown(id) {
  return [...list.children].some((one) => one.dataset.id === id);
}

function add(notice) {
  if (shown(notice.id)) return;
  const line = document.createElement("li");
  line.dataset.id = notice.id;
  line.className = "fresh";
  const amount = document.createElement("span");
  amount.className = "amount " + (notice.amount.startsWith("+") ? "in" : "out");
  amount.textContent = notice.amount;
  const when = document.createElement("small");
  when.textContent = notice.when;
  line.append(amount, ` ${notice.kind} `, when);
  list.prepend(line);
  tell(notice);
}

// The list may be below the screen's end: what came is told at its top, and in place of its code.
function tell(notice) {
  newest.textContent = `${notice.amount} ${notice.kind} ${notice.when}`;
  newest.hidden = false;
  if (!bill || bill.dataset.awaits !== notice.id) return;
  bill.classList.add("paid");
  bill.querySelector("h3").textContent = bill.dataset.paid;
}

// The stream begins with the newest payments, so that none is missed between page and stream.
// A browser gives up where it was refused, while the broker is away say: then it is asked anew.
function follow() {
  const source = new EventSource(list.dataset.notices);
  source.addEventListener("message", (event) => add(JSON.parse(event.data)));
  source.addEventListener("ready", () => { live.textContent = live.dataset.live; });
  source.addEventListener("error", () => {
    live.textContent = live.dataset.lost;
    if (source.readyState === EventSource.CLOSED) setTimeout(follow, AGAIN);
  });
}

follow();
