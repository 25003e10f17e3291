"""Accepts jobs (POST /) and lists their results (GET /). It uses only sockets, so python3-minimal is enough."""

import signal
import socket
import sys


def redis(*words):
    """Sends a command to redis and returns the strings of the reply."""
    request = f"*{len(words)}\r\n" + "".join(f"${len(word.encode())}\r\n{word}\r\n" for word in words)
    with socket.create_connection(("127.0.0.1", 6379)) as connection:
        connection.sendall(request.encode() + b"*1\r\n$4\r\nQUIT\r\n")
        reply = connection.makefile(encoding="utf-8").read().splitlines()
    return [line for line in reply if line[:1] not in "*$:+"]


def respond(request):
    """Handles the request and returns the text of the response."""
    method = request.readline().split()[0]
    headers = dict(line.lower().rstrip().split(": ", 1) for line in iter(request.readline, "\n"))
    if method == "POST":
        redis("RPUSH", "jobs", request.read(int(headers["content-length"])))
        return "accepted\n"
    return "".join(f"{line}\n" for line in redis("LRANGE", "done", "0", "-1"))


def shut_down(*_):
    print("web: bye", flush=True)
    sys.exit()


signal.signal(signal.SIGTERM, shut_down)
server = socket.create_server(("", int(sys.argv[1])))
print("web: listening", flush=True)
while True:
    connection, _ = server.accept()
    with connection:
        try:
            text = respond(connection.makefile(encoding="utf-8"))
            connection.sendall(f"HTTP/1.0 200 OK\r\n\r\n{text}".encode())
        except (OSError, ValueError, IndexError, KeyError) as error:
            print(f"web: {error!r}", flush=True)
