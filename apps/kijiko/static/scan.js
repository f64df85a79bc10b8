// Reads a QR code with the camera into a field. The camera is asked for on demand, and is off as
// soon as a code was read or nobody looks. Without scripts the field is filled by hand.
const PAUSE = 100;
const WISH = { video: { facingMode: "environment", width: { ideal: 1280 }, height: { ideal: 720 } } };
const part = (name) => document.getElementById(`scan-${name}`);
const [box, start, stop, view, told] = ["box", "start", "stop", "view", "told"].map(part);
const field = document.getElementById(box.dataset.field);
let stream = null;

// The browser's own reader where there is one; most desktops and iPhones have none.
async function reader() {
  const formats = ["qr_code"];
  const own = globalThis.BarcodeDetector;
  if (own && (await own.getSupportedFormats()).includes("qr_code")) return new own({ formats });
  const ours = await import("/static/kijiko/vendor/qr-0.7.0/decode.js");
  return new ours.BarcodeDetector({ formats });
}

function tell(what) {
  told.textContent = box.dataset[what];
}

function off() {
  for (const track of stream ? stream.getTracks() : []) track.stop();
  stream = null;
  view.srcObject = null;
  view.hidden = stop.hidden = true;
  start.hidden = start.disabled = false;
}

function reason(error) {
  if (error.name === "NotAllowedError") return "denied";
  return error.name === "NotFoundError" || error.name === "OverconstrainedError" ? "none" : "busy";
}

function open(opened) {
  stream = opened;
  view.srcObject = opened;
  view.hidden = stop.hidden = false;
  start.hidden = true;
  stop.focus();
  tell("looking");
}

async function on() {
  if (!navigator.mediaDevices) return tell("insecure");
  let mine = null;
  start.disabled = true;
  tell("asking");
  try {
    const codes = await reader();
    mine = await navigator.mediaDevices.getUserMedia(WISH);
    open(mine);
    if (document.hidden) return pause();
    await view.play();
    await look(codes, mine);
  } catch (error) {
    if (mine !== null && stream !== mine) return; // turned off meanwhile
    off();
    tell(reason(error));
    start.focus();
  }
}

async function look(codes, mine) {
  while (stream === mine) {
    const [code] = await codes.detect(view);
    if (code && stream === mine) return take(code.rawValue);
    await new Promise((done) => setTimeout(done, PAUSE));
  }
}

function take(text) {
  off();
  tell("read");
  field.value = text;
  if (box.dataset.sends) field.form.requestSubmit();
  else field.focus();
}

function pause() {
  if (!stream) return;
  off();
  tell("off");
  start.focus();
}

start.addEventListener("click", on);
stop.addEventListener("click", pause);
document.addEventListener("visibilitychange", () => { if (document.hidden) pause(); });
box.hidden = false;
