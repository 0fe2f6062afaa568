"""The clients of http_servers.py: plain sockets, so that they cost little beside the server they measure."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import selectors
import signal
import socket
import threading
import time
from dataclasses import dataclass

HOST = "127.0.0.1"
CROWD = 200
PATIENCE = 15.0


def connect(port: int, timeout: float = PATIENCE) -> socket.socket:
    made = socket.create_connection((HOST, port), timeout=timeout)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n".encode()


def read_reply(made: socket.socket) -> tuple[int, bytes]:
    """Status and body of the next final reply; (0, b"") where the server closed the connection."""
    data = b""
    while True:
        while b"\r\n\r\n" not in data:
            more = made.recv(65_536)
            if not more:
                return 0, data
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1])
        if status >= 200:
            break
        data = body
    length = next(
        (int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")),
        0,
    )
    while len(body) < length:
        more = made.recv(65_536)
        if not more:
            break
        body += more
    return status, body


def ask(port: int, request: bytes, timeout: float = PATIENCE) -> tuple[int, bytes]:
    with connect(port, timeout) as made:
        made.sendall(request)
        return read_reply(made)


def about(port: int) -> dict[str, int]:
    time.sleep(0.2)  # time for the worker thread
    return json.loads(ask(port, get("/about"))[1])


def wait_until_up(port: int, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, ValueError):
            if ask(port, get("/item/1"), timeout=1)[0] == 200:
                return
        time.sleep(0.02)
    message = f"Expected a server on port {port}, but found none after {seconds} s"
    raise TimeoutError(message)


def sleep_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))


# Load -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Load:
    """What one run gave: replies per second, milliseconds."""

    rate: float
    p50: float
    p99: float
    errors: int


def load(port: int, seconds: float, connections: int = 16, processes: int = 2, patience: float = PATIENCE) -> Load:
    """Keep-alive connections that ask one after the other, from processes of their own."""
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    share = connections // processes
    runners = [context.Process(target=_ask_for, args=(port, seconds, share, patience, queue)) for _ in range(processes)]
    for runner in runners:
        runner.start()
    parts = [queue.get() for _ in runners]
    for runner in runners:
        runner.join()
    times = sorted(value for part, _ in parts for value in part)
    errors = sum(count for _, count in parts)
    if not times:
        return Load(0, float("inf"), float("inf"), errors)
    at = lambda share: times[min(len(times) - 1, int(len(times) * share))] * 1000  # noqa: E731
    return Load(len(times) / seconds, at(0.5), at(0.99), errors)


def _ask_for(port: int, seconds: float, count: int, patience: float, queue: multiprocessing.Queue) -> None:
    request = get("/item/17")
    selector = selectors.DefaultSelector()
    times: list[float] = []
    errors = 0
    end = time.perf_counter() + seconds

    def open_one() -> None:
        nonlocal errors
        with contextlib.suppress(OSError):
            made = connect(port, patience)
            made.sendall(request)
            selector.register(made, selectors.EVENT_READ, [time.perf_counter(), b""])
            return
        errors += 1

    for _ in range(count):
        open_one()
    while (now := time.perf_counter()) < end:
        for key, _ in selector.select(timeout=0.2):
            made, state = key.fileobj, key.data
            try:
                data = made.recv(65_536)
            except OSError:
                data = b""
            state[1] += data
            if not data:
                errors += 1
                selector.unregister(made)
                made.close()
                open_one()
            elif _complete(state[1]):
                times.append(time.perf_counter() - state[0])
                errors += not state[1].startswith(b"HTTP/1.1 200")
                if b"\nconnection: close" in state[1].lower():
                    selector.unregister(made)
                    made.close()
                    open_one()
                    continue
                state[:] = [time.perf_counter(), b""]
                with contextlib.suppress(OSError):
                    made.sendall(request)
        for key in list(selector.get_map().values()):
            if now - key.data[0] > patience:
                errors += 1
                selector.unregister(key.fileobj)
                key.fileobj.close()
                open_one()
    times += [time.perf_counter() - key.data[0] for key in selector.get_map().values() if now - key.data[0] > 1]
    queue.put((times, errors))


def _complete(data: bytes) -> bool:
    head, found, body = data.partition(b"\r\n\r\n")
    start = head.lower().find(b"content-length:")
    return bool(found) and len(body) >= int(head[start + 15 :].split(b"\r\n", 1)[0])


# Crowds of awkward clients --------------------------------------------------------------------------------


class Crowd:
    """Connections that are opened at once and, where there is a ``drip``, send it every half second."""

    def __init__(self, port: int, first: bytes = b"", drip: bytes = b"", count: int = CROWD, window: int = 0):
        self.port, self.first, self.drip, self.count, self.window = port, first, drip, count, window
        self.sockets: list[socket.socket] = []
        self.started = 0.0
        self.cut: list[float] = []
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._run)

    def __enter__(self) -> Crowd:
        self.started = time.monotonic()
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self.thread.join()
        for made in self.sockets:
            made.close()

    def report(self) -> str:
        self.stopped.wait(max(0.0, self.started + 20 - time.monotonic()) if self.drip else 0)
        if self.cut:
            return f"; cut {len(self.cut)} from {min(self.cut):.0f} s on"
        return "; none cut in 20 s" if self.drip else ""

    def _run(self) -> None:
        for _ in range(self.count):
            made = socket.socket()
            if self.window:
                made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.window)
            made.settimeout(3)
            with contextlib.suppress(OSError):
                made.connect((HOST, self.port))
                made.sendall(self.first)
            made.setblocking(False)
            self.sockets.append(made)
        while self.drip and not self.stopped.wait(0.5):
            for made in list(self.sockets):
                try:
                    made.send(self.drip)
                    if made.recv(1000) == b"":
                        raise ConnectionResetError
                except BlockingIOError:
                    continue
                except OSError:
                    self.cut.append(time.monotonic() - self.started)
                    self.sockets.remove(made)
                    made.close()


class Parked(Crowd):
    """Four open event streams."""

    def __init__(self, port: int):
        super().__init__(port, get("/events"), count=4)

    def __enter__(self) -> Parked:
        super().__enter__()
        time.sleep(0.5)
        return self


AWKWARD = {
    "nothing else": lambda port: Crowd(port, count=0),
    "200 idle keep-alive": lambda port: Crowd(port, get("/item/1")),
    "200 connected, silent": Crowd,
    "200 ask for SSE (4 get it)": lambda port: Crowd(port, get("/events")),
    "200 slow headers": lambda port: Crowd(port, b"GET /item/1 HTTP/1.1\r\nHost: bench\r\nX-Slow: ", b"x"),
    "200 slow bodies": lambda port: Crowd(
        port, b"POST /body HTTP/1.1\r\nHost: bench\r\nContent-Length: 9000\r\n\r\n", b"x"
    ),
    "16 readers of 5 MB that do not read": lambda port: Crowd(port, get("/large"), count=16, window=4096),
}


def freed_after_disconnect(port: int) -> str:
    """How long until four event streams can be opened again after four clients vanished."""
    crowd = Parked(port)
    with crowd:
        status, _ = ask(port, get("/events"))
        assert status == 503, status
    gone = time.monotonic()
    while time.monotonic() < gone + 20:
        with connect(port) as made:
            made.sendall(get("/events"))
            if made.recv(100).startswith(b"HTTP/1.1 200"):
                return f"{time.monotonic() - gone:.1f} s"
        time.sleep(0.1)
    return "not in 20 s"


def event_delay(port: int) -> str:
    """From ``yield`` in the application to the client."""
    delays = []
    with connect(port) as made:
        made.sendall(get("/events"))
        while len(delays) < 6:
            lines = made.recv(65_536).split(b"\n")
            now = time.monotonic()
            delays += [now - float(line[6:]) for line in lines if line.startswith(b"data: ")]
    return f"{max(delays) * 1000:.1f} ms"


def cost_of_abandoned(running: object) -> str:
    """Processor use while eight requests sleep whose clients have gone; whether the next is answered."""
    sockets = [connect(running.port) for _ in range(8)]
    for made in sockets:
        made.sendall(get("/sleep/4.0"))
    time.sleep(0.3)
    for made in sockets:
        made.close()
    before = _cpu(running)
    time.sleep(2)
    used = (_cpu(running) - before) / 2
    time.sleep(2.5)
    return f"{used:.2f}, then {ask(running.port, get('/item/1'))[0]}"


def _cpu(running: object) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in running.members())


def kept_alive(port: int, idle: float) -> str:
    sockets = [connect(port) for _ in range(CROWD)]
    for made in sockets:
        made.sendall(get("/item/1"))
        assert read_reply(made)[0] == 200
    time.sleep(idle)
    alive = 0
    for made in sockets:
        with contextlib.suppress(OSError):
            made.sendall(get("/item/1"))
            alive += read_reply(made)[0] == 200
        made.close()
    return f"{alive} of {CROWD}"


# Limits ---------------------------------------------------------------------------------------------------


def _post(port: int, headers: str, chunks: list[bytes], wait_first: bool = False) -> str:
    with connect(port, 8) as made:
        made.sendall(f"POST /body HTTP/1.1\r\nHost: bench\r\n{headers}\r\n".encode())
        first = b""
        sent = 0
        try:
            if wait_first:
                first = made.recv(1000)
                if not first.startswith(b"HTTP/1.1 100"):
                    return f"{first[9:12].decode() or 'closed'} before the body"
            for chunk in chunks:
                made.sendall(chunk)
                sent += len(chunk)
        except OSError:
            with contextlib.suppress(OSError):
                first = made.recv(1000)
            asked_for = "100, then " if wait_first else ""
            return f"{asked_for}{first[9:12].decode() or 'reset'} after {sent / 1e6:.1f} MB{_length(first)}"
        try:
            status, body = read_reply(made)
        except OSError as error:
            return type(error).__name__
        prefix = "100, then " if wait_first else ""
        text = body.decode(errors="replace").strip()
        return f"{prefix}{status or 'closed'}{' ' + text if status == 200 else ''}"


def _length(reply: bytes) -> str:
    found = reply.rpartition(b'"length":')[2].partition(b"}")[0]
    return f" and the application saw {int(found) / 1e6:.1f} MB" if found.isdigit() else ""


def _bodiless(port: int) -> str:
    with connect(port) as made:
        made.sendall(get("/item/1").replace(b"GET", b"DELETE"))
        assert read_reply(made)[0] == 204
        with contextlib.suppress(OSError):
            made.sendall(get("/item/1"))
            if read_reply(made)[0] == 200:
                return "kept"
        return "closed"


def _chunked(total: int, size: int = 50_000) -> list[bytes]:
    return [b"%x\r\n%b\r\n" % (size, b"x" * size)] * (total // size) + [b"0\r\n\r\n"]


def _status(port: int, request: bytes) -> str:
    try:
        return str(ask(port, request, 5)[0] or "closed")
    except OSError as error:
        return type(error).__name__


BIG = 200_000_000
PROBES = {
    "body 200 MB, limit 1 MB": lambda port: _post(
        port, f"Content-Length: {BIG}\r\n", [b"x" * 100_000] * (BIG // 100_000)
    ),
    "same with Expect: 100-continue": lambda port: _post(
        port, f"Content-Length: {BIG}\r\nExpect: 100-continue\r\n", [b"x" * BIG], True
    ),
    "small body with Expect": lambda port: _post(
        port, "Content-Length: 5\r\nExpect: 100-continue\r\n", [b"hello"], True
    ),
    "chunked 500 kB": lambda port: _post(port, "Transfer-Encoding: chunked\r\n", _chunked(500_000)),
    "chunked 200 MB, limit 1 MB": lambda port: _post(port, "Transfer-Encoding: chunked\r\n", _chunked(BIG)),
    "connection after 204": _bodiless,
    "Content-Length and chunked": lambda port: _status(
        port,
        b"POST /body HTTP/1.1\r\nHost: b\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    "header of 20 kB": lambda port: _status(port, get("/item/1")[:-2] + b"X-A: " + b"a" * 20_000 + b"\r\n\r\n"),
    "header of 1 MB": lambda port: _status(port, get("/item/1")[:-2] + b"X-A: " + b"a" * 1_000_000 + b"\r\n\r\n"),
    "300 headers": lambda port: _status(port, get("/item/1")[:-2] + b"X-A: a\r\n" * 300 + b"\r\n"),
    "line of 20 kB": lambda port: _status(port, get("/item/1?" + "a" * 20_000)),
    "not HTTP": lambda port: _status(port, b"\x16\x03\x01 hello\r\n\r\n"),
}


# Stopping and dying ---------------------------------------------------------------------------------------


def _accepts(port: int) -> bool:
    with socket.socket() as made:
        made.settimeout(0.3)
        return made.connect_ex((HOST, port)) == 0


def port_free_after(port: int, since: float, patience: float = 5) -> str:
    while _accepts(port):
        if time.monotonic() > since + patience:
            return f"still answered after {patience:.0f} s"
        time.sleep(0.02)
    return f"free after {max(0.0, time.monotonic() - since):.1f} s"


def kill_under_load(running: object) -> str:
    """Kill -9 of the one pid while eight requests run for 4 s."""
    sockets = [connect(running.port) for _ in range(8)]
    for made in sockets:
        made.sendall(get("/sleep/4.0"))
    time.sleep(0.5)
    running.process.kill()
    running.process.wait()
    killed = time.monotonic()
    found = port_free_after(running.port, killed, 40)
    while running.members() and time.monotonic() < killed + 40:
        time.sleep(0.05)
    found += f", last process gone after {time.monotonic() - killed:.1f} s"
    for made in sockets:
        made.close()
    return found


def stop_gracefully(running: object, sent: signal.Signals) -> str:
    sockets = [connect(running.port) for _ in range(4)]
    for made in sockets:
        made.sendall(get("/sleep/2.0"))
    time.sleep(0.5)
    os.kill(running.process.pid, sent)
    stopped = time.monotonic()
    statuses = []
    for made in sockets:
        try:
            statuses.append(read_reply(made)[0])
        except OSError:
            statuses.append(0)
        made.close()
    return f"{statuses.count(200)} of 4 finished, {_gone(running, stopped)}"


def stop_while_sending(running: object) -> str:
    """Four clients are in the middle of reading 5 MB each."""
    sockets = [connect(running.port) for _ in range(4)]
    for made in sockets:
        made.sendall(get("/large"))
    time.sleep(0.5)
    os.kill(running.process.pid, signal.SIGTERM)
    time.sleep(0.5)
    complete = 0
    for made in sockets:
        with contextlib.suppress(OSError):
            complete += len(read_reply(made)[1]) == 5_000_000
        made.close()
    return f"{complete} of 4 complete"


def restart_under_load(running: object) -> str:
    before = {process.pid for process in running.members()}
    threading.Timer(1.5, os.kill, (running.process.pid, signal.SIGHUP)).start()
    result = load(running.port, 6)
    after = {process.pid for process in running.members()}
    return f"{result.errors} of {result.rate * 6:.0f} failed, {len(before - after)} of 2 replaced"


def stop_with_streams(running: object) -> str:
    os.kill(running.process.pid, signal.SIGTERM)
    return _gone(running, time.monotonic())


def _gone(running: object, since: float) -> str:
    while running.members() and time.monotonic() < since + 60:
        running.process.poll()
        time.sleep(0.02)
    return "not gone in 60 s" if running.members() else f"gone after {time.monotonic() - since:.1f} s"
