/* Files beside a task or a case: chosen or dropped, sent one after the other, with progress. */
export function mount(element) {
  const form = element.querySelector("[data-drop]");
  const input = form.querySelector("input[type=file]");
  const { limit, types, token, tooLarge, wrongType, failed } = element.dataset;
  const allowed = types.split(",");
  let waiting = Promise.resolve();

  input.multiple = true;
  form.querySelector("[data-without-scripts]").hidden = true;
  input.addEventListener("change", () => { take(input.files); input.value = ""; });
  for (const [kind, inside] of [["dragenter", true], ["dragover", true], ["dragleave", false], ["drop", false]]) {
    form.addEventListener(kind, (event) => {
      event.preventDefault();
      form.classList.toggle("dropping", inside);
      if (kind === "drop") take(event.dataTransfer.files);
    });
  }
  element.dataset.ready = "";

  function take(files) {
    element.querySelector("[data-problem]").replaceChildren();
    for (const file of files) waiting = waiting.then(() => send(file));
  }

  async function send(file) {
    if (file.size > Number(limit)) return complain(file, tooLarge);
    if (!allowed.some((one) => file.name.toLowerCase().endsWith(one))) return complain(file, wrongType);
    const line = document.createElement("li");
    const name = Object.assign(document.createElement("span"), { className: "attachment-what", textContent: file.name });
    const progress = Object.assign(document.createElement("progress"), { max: 1, value: 0 });
    progress.setAttribute("aria-label", file.name);
    line.dataset.uploading = "";
    line.append(name, progress);
    element.querySelector("[data-files]").append(line);
    try {
      const reply = await post(file, (part) => { progress.value = part; });
      const part = new DOMParser().parseFromString(reply.responseText, "text/html").querySelector("#attachments");
      if (reply.status < 300 && part) return show(part);
      complain(file, reply.status === 413 ? tooLarge : part?.querySelector("[data-problem]").textContent.trim() || failed);
    } catch {
      complain(file, failed);
    }
    line.remove();
  }

  function post(file, told) {
    return new Promise((resolve, reject) => {
      const body = new FormData();
      body.append("file", file);
      const request = new XMLHttpRequest(); // fetch tells no progress of what it sends
      request.open("POST", form.action);
      request.setRequestHeader("X-CSRF-Token", token);
      request.setRequestHeader("HX-Request", "true");
      request.upload.addEventListener("progress", (event) => told(event.loaded / event.total));
      request.addEventListener("load", () => resolve(request));
      request.addEventListener("error", reject);
      request.send(body);
    });
  }

  function show(part) {
    const files = document.importNode(part.querySelector("[data-files]"), true);
    element.querySelector("[data-files]").replaceWith(files);
    element.querySelector("[data-count]").textContent = part.querySelector("[data-count]").textContent;
    globalThis.htmx?.process(files);
  }

  function complain(file, text) {
    const line = document.createElement("div");
    line.className = "alert alert-danger";
    line.textContent = `${file.name}: ${text}`;
    element.querySelector("[data-problem]").append(line);
  }
}
