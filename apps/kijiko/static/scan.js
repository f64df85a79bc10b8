// Reads a QR code with the camera into a field. The camera is asked for on demand, and is off as
// soon as a code was read, nobody looks, or a minute is over. Without scripts the field is filled by
// hand.
const PAUSE = 100;
const PAUSE_OF_PICTURES = 300;
const LONGEST = 60_000;
const LONGEST_ANSWER = 10_000;
const LARGEST_SIDE = 640;
const WISH = { video: { facingMode: "environment", width: { ideal: 1280 }, height: { ideal: 720 } } };
const part = (name) => document.getElementById(`scan-${name}`);
const [box, start, stop, view, told] = ["box", "start", "stop", "view", "told"].map(part);
const field = document.getElementById(box.dataset.field);
let stream = null;
let timer = null;

// The town reads grey pictures for browsers without a reader: most desktops and iPhones.
class TownReader {
  pause = PAUSE_OF_PICTURES;
  #pen = document.createElement("canvas").getContext("2d", { willReadFrequently: true });

  async detect(seen) {
    const { videoWidth, videoHeight } = seen;
    if (!videoWidth) return []; // no picture has come yet
    const scale = Math.min(1, LARGEST_SIDE / Math.max(videoWidth, videoHeight));
    const [width, height] = [videoWidth, videoHeight].map((side) => Math.round(side * scale));
    Object.assign(this.#pen.canvas, { width, height });
    this.#pen.drawImage(seen, 0, 0, width, height);
    const { data } = this.#pen.getImageData(0, 0, width, height);
    const grey = Uint8Array.from({ length: width * height }, (_, at) => (data[4 * at] + 2 * data[4 * at + 1] + data[4 * at + 2]) / 4);
    const text = await this.#read(`${box.dataset.reader}?width=${width}&height=${height}`, grey);
    return text ? [{ rawValue: text }] : [];
  }

  // What is in a picture: nothing, too, where the town is busy with others' pictures.
  async #read(path, body) {
    try {
      const answer = await fetch(path, { method: "POST", body, signal: AbortSignal.timeout?.(LONGEST_ANSWER) });
      if (answer.ok) return await answer.text();
      if (answer.status === 503) return "";
    } catch { /* told below, whatever it was */ }
    throw new DOMException("", "NetworkError");
  }
}

async function reader() {
  const formats = ["qr_code"];
  const own = globalThis.BarcodeDetector;
  if (own && (await own.getSupportedFormats().catch(() => [])).includes("qr_code")) return new own({ formats });
  return new TownReader();
}

function tell(what) {
  told.textContent = box.dataset[what];
}

function off() {
  clearTimeout(timer);
  for (const track of stream ? stream.getTracks() : []) track.stop();
  stream = null;
  view.srcObject = null;
  view.hidden = stop.hidden = true;
  start.hidden = start.disabled = false;
}

function reason(error) {
  if (error.name === "NotAllowedError") return "denied";
  if (error.name === "NetworkError") return "unread";
  return error.name === "NotFoundError" || error.name === "OverconstrainedError" ? "none" : "busy";
}

function open(opened, codes) {
  stream = opened;
  timer = setTimeout(pause, LONGEST);
  for (const track of opened.getTracks()) track.addEventListener("ended", pause);
  view.srcObject = opened;
  view.hidden = stop.hidden = false;
  start.hidden = true;
  stop.focus();
  tell(codes instanceof TownReader ? "sending" : "looking");
}

async function on() {
  if (!navigator.mediaDevices) return tell("insecure");
  let mine = null;
  start.disabled = true;
  tell("asking");
  try {
    const codes = await reader();
    mine = await navigator.mediaDevices.getUserMedia(WISH);
    open(mine, codes);
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

// A browser's own reader may fail all the same, where a service behind it is missing.
async function look(codes, mine) {
  try {
    await follow(codes, mine);
  } catch (error) {
    if (codes instanceof TownReader || stream !== mine) throw error;
    tell("sending");
    await follow(new TownReader(), mine);
  }
}

async function follow(codes, mine) {
  while (stream === mine) {
    const [code] = await codes.detect(view);
    if (stream !== mine) return;
    if (code) return take(code.rawValue);
    await new Promise((done) => setTimeout(done, codes.pause ?? PAUSE));
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
