/* Where somebody is: the browser asks them, and a form gets a geo: address (RFC 5870), or they enter one. */
const ADDRESS = /^geo:(-?[\d.]+),(-?[\d.]+)(?:;u=([\d.]+))?$/;
const WITHIN = { enableHighAccuracy: true, timeout: 20_000, maximumAge: 60_000 };

export function location({ h, useState }, { frame, about, say }) {
  function Location(props) {
    const { domId: id, field, onChange, readonly, disabled } = props;
    const [isAsking, setAsking] = useState(false);
    const [problem, setProblem] = useState("");
    const value = props.value ?? "";
    const [, latitude, longitude, metres] = ADDRESS.exec(value) ?? [];
    const canAsk = !readonly && !disabled;

    function ask() {
      setAsking(true);
      setProblem("");
      const found = ({ coords }) => {
        setAsking(false);
        onChange({ value: `geo:${coords.latitude.toFixed(6)},${coords.longitude.toFixed(6)};u=${Math.ceil(coords.accuracy)}` });
      };
      const refused = (error) => { setAsking(false); setProblem(say(error?.code === 1 ? "placeRefused" : "placeUnknown")); };
      if (navigator.geolocation) navigator.geolocation.getCurrentPosition(found, refused, WITHIN); else refused();
    }
    return frame(props, id,
      h("div", { class: "form-part-beside" },
        h("input", { id, class: "form-control", value, readOnly: readonly, disabled, autocomplete: "off", placeholder: "geo:31.23,121.47", "aria-describedby": about(id), "aria-invalid": String(Boolean(props.errors?.length)),
          onInput: (event) => onChange({ value: event.target.value.trim() }) }),
        canAsk && h("button", { type: "button", class: "btn", disabled: isAsking, onClick: ask }, say(isAsking ? "placeWait" : "placeHere"))),
      latitude && h("p", { class: "form-part-none" }, metres ? say("placeWithin", { latitude, longitude, metres }) : `${latitude}, ${longitude}`),
      problem && h("p", { class: "form-part-problem", role: "alert" }, problem));
  }
  Location.config = { type: "location", keyed: true, name: "Location", group: "basic-input", emptyValue: "",
    sanitizeValue: ({ value }) => (typeof value === "string" ? value : ""), create: (options) => options };
  return Location;
}
