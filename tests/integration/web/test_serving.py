import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time

import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="stops the server with signals")

APP = textwrap.dedent(
    """
    import json, sys, time
    from bpm_server.web.serving import ServingSettings, listen, serve

    gone = []

    def app(environ, start_response):
        path = environ["PATH_INFO"]
        body = environ["wsgi.input"].read()
        if path == "/nothing":
            start_response("204 No Content", [])
            return []
        if path == "/events":
            start_response("200 OK", [("Content-Type", "text/event-stream")])
            return stream(environ)
        if path == "/sleep":
            print("sleeping", flush=True)
            time.sleep(1)
        if path == "/large":
            body = b"x" * 5_000_000
            start_response("200 OK", [("Content-Length", str(len(body)))])
            return [body]
        reply = json.dumps({"length": len(body), "gone": gone, "scheme": environ["wsgi.url_scheme"]}).encode()
        start_response("200 OK", [("Content-Length", str(len(reply)))])
        return [reply]

    def stream(environ):
        yield b"data: start\\n\\n"
        while not environ["bpm_server.stopping"]():
            if environ["waitress.client_disconnected"]():
                gone.append("client")
                return
            time.sleep(0.02)
        yield b"data: bye\\n\\n"

    if __name__ == "__main__":
        listener = listen("127.0.0.1", int(sys.argv[1]))
        print(listener.getsockname()[1], flush=True)
        finished = serve(app, listener, ServingSettings(threads=4, body_bytes=1000), grace_seconds=5)
        print("finished" if finished else "cut", flush=True)
    """
)


class Server:
    def __init__(self, folder, *command):
        (folder / "served.py").write_text(APP)
        self.process = subprocess.Popen(
            command or [sys.executable, "served.py", "0"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(folder)},
            stdout=subprocess.PIPE,
            text=True,
        )
        self.port = 0 if command else int(self.process.stdout.readline())

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)


@pytest.fixture
def server(tmp_path):
    made = Server(tmp_path)
    yield made
    made.process.kill()
    made.process.wait()
    made.process.stdout.close()


def exchange(connection, request):
    connection.sendall(request)
    return read(connection)


def read(connection):
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65_536)
        if not more:
            return None, {}, data
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    while len(body) < int(headers.get("content-length", 0)):
        body += connection.recv(65_536)
    return int(status.split()[1]), headers, body


def sleep(server, connection):
    connection.sendall(get("/sleep"))
    assert server.process.stdout.readline() == "sleeping\n"


def wait_until_refused(server):
    while True:
        try:
            server.connect().close()
        except ConnectionRefusedError:
            return
        except ConnectionResetError:  # it was on its way when the listener closed
            continue


def get(path):
    return f"GET {path} HTTP/1.1\r\nHost: test\r\n\r\n".encode()


def test_connection_is_kept_after_a_reply_without_body(server):
    with server.connect() as connection:
        assert exchange(connection, get("/nothing"))[0] == 204
        assert exchange(connection, get("/"))[0] == 200


def test_connection_is_closed_where_the_client_asks(server):
    with server.connect() as connection:
        status, headers, _ = exchange(connection, get("/nothing")[:-2] + b"Connection: close\r\n\r\n")
        assert (status, headers["connection"]) == (204, "close")
        assert connection.recv(1) == b""


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 2000\r\n\r\n" + b"x" * 2000,
        b"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n" + b"x" * 2000 + b"\r\n0\r\n\r\n",
    ],
    ids=["length", "chunked"],
)
def test_a_body_over_the_limit_is_refused(server, request_bytes):
    with server.connect() as connection:
        assert exchange(connection, request_bytes)[0] == 413


def test_no_body_is_invited_that_is_too_large(server):
    with server.connect() as connection:
        head = b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 2000\r\nExpect: 100-continue\r\n\r\n"
        assert exchange(connection, head)[0] == 413


def test_a_body_with_two_lengths_is_refused(server):
    with server.connect() as connection:
        head = b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
        assert exchange(connection, head + b"0\r\n\r\n")[0] == 400


def test_a_chunked_body_arrives_whole(server):
    with server.connect() as connection:
        chunks = b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
        head = b"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"
        assert json.loads(exchange(connection, head + chunks)[2])["length"] == 11


def test_forwarded_headers_of_strangers_do_not_count(server):
    with server.connect() as connection:
        reply = exchange(connection, get("/")[:-2] + b"X-Forwarded-Proto: https\r\n\r\n")[2]
        assert json.loads(reply)["scheme"] == "http"


def test_slow_clients_do_not_stop_others(server):
    crowd = [server.connect() for _ in range(20)]
    for slow in crowd:
        slow.sendall(b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 100\r\n\r\nx")
    with server.connect() as connection:
        assert exchange(connection, get("/"))[0] == 200
    for slow in crowd:
        slow.close()


def test_a_stream_learns_that_its_client_has_gone(server):
    with server.connect() as connection:
        connection.sendall(get("/events"))
        assert b"200 OK" in connection.recv(1000)
    with server.connect() as connection:
        deadline = time.monotonic() + 5
        while json.loads(exchange(connection, get("/"))[2])["gone"] != ["client"]:
            assert time.monotonic() < deadline


def test_stopping_finishes_requests_replies_and_streams(server):
    sleeping, reading, streaming, idle = (server.connect() for _ in range(4))
    assert exchange(idle, get("/"))[0] == 200
    streaming.sendall(get("/events"))
    data = b""
    while b"start" not in data:
        data += streaming.recv(1000)
    reading.sendall(get("/large"))
    assert reading.recv(1, socket.MSG_PEEK)
    sleep(server, sleeping)
    server.stop()
    status, headers, _ = exchange(idle, get("/"))
    assert (status, headers["connection"]) == (200, "close")
    assert b"bye" in streaming.recv(1000)
    assert len(read(reading)[2]) == 5_000_000
    assert read(sleeping)[0] == 200
    assert server.process.wait(timeout=5) == 0
    assert server.process.stdout.read() == "finished\n"
    for connection in (sleeping, reading, streaming, idle):
        connection.close()


def test_a_second_signal_ends_at_once(server):
    with server.connect() as connection:
        sleep(server, connection)
        started = time.monotonic()
        server.stop()
        wait_until_refused(server)
        server.stop()
        server.process.wait(timeout=5)
        assert time.monotonic() - started < 0.8
    assert server.process.stdout.read() == "cut\n"


def test_a_killed_server_leaves_its_port_free(server, tmp_path):
    with server.connect() as connection:
        sleep(server, connection)
        server.process.kill()
        server.process.wait()
    again = subprocess.Popen([sys.executable, "served.py", str(server.port)], cwd=tmp_path, stdout=subprocess.PIPE)
    try:
        assert int(again.stdout.readline()) == server.port
    finally:
        again.kill()
        again.wait()
        again.stdout.close()


def test_gunicorn_manages_several_processes(tmp_path):
    pytest.importorskip("gunicorn")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    worker = "bpm_server.web.gunicorn_worker.WaitressWorker"
    options = ["--bind", f"127.0.0.1:{port}", "--workers", "2", "--threads", "2", "--worker-class", worker]
    gunicorn = [sys.executable, "-m", "gunicorn", *options, "--no-control-socket", "--log-level", "error"]
    server = Server(tmp_path, *gunicorn, "served:app")
    server.port = port
    try:
        deadline = time.monotonic() + 20
        connection = None
        while connection is None:
            assert time.monotonic() < deadline
            with contextlib.suppress(ConnectionRefusedError):
                connection = server.connect()
        assert exchange(connection, get("/"))[0] == 200
        sleep(server, connection)
        server.stop()
        status, headers, _ = read(connection)
        assert (status, headers["connection"]) == (200, "close")
        assert server.process.wait(timeout=10) == 0
        connection.close()
    finally:
        server.process.kill()
        server.process.wait()
        server.process.stdout.close()
