/* A signature in a form: drawn with a finger, a pen or the mouse, or typed. It is kept as a picture some moments after the
   last stroke, so nothing needs to be pressed for it; until then the form is not sent (data-uploading). */
const WIDTH = 960, HEIGHT = 320, PAUSE = 800;

export function signature({ h, useEffect, useRef, useState }, { frame, about, say, send }) {
  function Signature(props) {
    const { domId: id, field, onChange, readonly, disabled } = props;
    const kept = Array.isArray(props.value) ? props.value[0] : null;
    const canvas = useRef(null);
    const drawing = useRef({ version: 0, timer: 0, isDown: false }).current;
    const [isWaiting, setWaiting] = useState(false);
    const [problem, setProblem] = useState("");
    useEffect(() => () => clearTimeout(drawing.timer), []);

    const pen = () => {
      const context = canvas.current.getContext("2d");
      return Object.assign(context, { lineWidth: 6, lineCap: "round", lineJoin: "round", strokeStyle: "#10233f", fillStyle: "#10233f" });
    };
    const place = (event) => {
      const { left, top, width, height } = canvas.current.getBoundingClientRect();
      return [(event.clientX - left) * WIDTH / width, (event.clientY - top) * HEIGHT / height];
    };
    function changed() {
      drawing.version += 1;
      clearTimeout(drawing.timer);
      setWaiting(true);
      drawing.timer = setTimeout(keep, PAUSE);
    }
    function clear() { clearTimeout(drawing.timer); drawing.version += 1; pen().clearRect(0, 0, WIDTH, HEIGHT); setWaiting(false); }
    async function keep() {
      const { version } = drawing;
      const picture = await new Promise((done) => canvas.current.toBlob(done, "image/png"));
      const { result, problem: found } = await send(new File([picture], "signature.png", { type: "image/png" }));
      if (version !== drawing.version) return; // it was drawn on meanwhile
      setWaiting(false);
      setProblem(found ?? "");
      if (result) onChange({ value: [result] });
    }
    const down = (event) => {
      if (event.button) return;
      event.preventDefault();
      canvas.current.setPointerCapture(event.pointerId);
      clearTimeout(drawing.timer);
      drawing.isDown = true;
      setWaiting(true);
      const context = pen();
      context.beginPath();
      context.moveTo(...place(event));
      context.lineTo(...place(event)); // a point is a stroke too
      context.stroke();
    };
    const move = (event) => {
      if (!drawing.isDown) return;
      const context = pen();
      for (const one of event.getCoalescedEvents?.() ?? [event]) context.lineTo(...place(one));
      context.stroke();
    };
    const up = () => { if (drawing.isDown) { drawing.isDown = false; changed(); } };
    const type = (event) => {
      const text = event.target.value.trim();
      if (!text) { clear(); return; }
      const context = pen();
      context.clearRect(0, 0, WIDTH, HEIGHT);
      context.textAlign = "center";
      context.textBaseline = "middle";
      context.font = 'italic 120px "Kaiti SC", KaiTi, STKaiti, cursive';
      context.fillText(text, WIDTH / 2, HEIGHT / 2, WIDTH - 80);
      changed();
    };

    const canSign = !readonly && !disabled;
    if (kept || !canSign) {
      return frame(props, id, kept
        ? h("div", { class: "form-part-signed" }, h("img", { src: `/files/${encodeURIComponent(kept.documentId)}`, alt: say("signed") }),
          canSign && h("button", { type: "button", class: "btn btn-sm", onClick: () => onChange({ value: [] }) }, say("signAnew")))
        : h("p", { class: "form-part-none" }, "–"));
    }
    return frame(props, id,
      h("canvas", { ref: canvas, class: "form-part-canvas", width: WIDTH, height: HEIGHT, role: "img", "aria-label": say("signHere"), onPointerDown: down, onPointerMove: move, onPointerUp: up, onPointerCancel: up }),
      h("div", { class: "form-part-beside" },
        h("input", { id, class: "form-control form-control-sm", autocomplete: "off", maxLength: 60, placeholder: say("signTyped"), "aria-describedby": about(id), "aria-invalid": String(Boolean(props.errors?.length)), onInput: type }),
        h("button", { type: "button", class: "btn btn-sm", onClick: clear }, say("clear"))),
      isWaiting && h("p", { class: "form-part-none", role: "status", "data-uploading": "" }, say("keeping")),
      problem && h("p", { class: "form-part-problem", role: "alert" }, problem));
  }
  Signature.config = { type: "signature", keyed: true, name: "Signature", group: "basic-input", emptyValue: [],
    sanitizeValue: ({ value }) => (Array.isArray(value) ? value.filter((one) => typeof one?.documentId === "string") : []), create: (options) => options };
  return Signature;
}
