"""Takes jobs (POST /) and shows what became of them (GET /). Sockets alone: Python's smallest installation is enough."""

import signal
import socket
import sys


def redis(*words):
    """Sends redis a command, and gives the strings of its answer."""
    request = f"*{len(words)}\r\n" + "".join(f"${len(word.encode())}\r\n{word}\r\n" for word in words)
    with socket.create_connection(("127.0.0.1", 6379)) as connection:
        connection.sendall(request.encode() + b"*1\r\n$4\r\nQUIT\r\n")
        answer = connection.makefile(encoding="utf-8").read().splitlines()
    return [line for line in answer if line[:1] not in "*$:+"]


def answer(request):
    """Does what the request asks for, and gives the text of the answer."""
    method = request.readline().split()[0]
    headers = dict(line.lower().rstrip().split(": ", 1) for line in iter(request.readline, "\n"))
    if method == "POST":
        redis("RPUSH", "jobs", request.read(int(headers["content-length"])))
        return "accepted\n"
    return "".join(f"{line}\n" for line in redis("LRANGE", "done", "0", "-1"))


def end(*_):
    print("web: bye", flush=True)
    sys.exit()


signal.signal(signal.SIGTERM, end)
server = socket.create_server(("", int(sys.argv[1])))
print("web: listening", flush=True)
while True:
    connection, _ = server.accept()
    with connection:
        try:
            text = answer(connection.makefile(encoding="utf-8"))
            connection.sendall(f"HTTP/1.0 200 OK\r\n\r\n{text}".encode())
        except (OSError, ValueError, IndexError, KeyError) as error:
            print(f"web: {error!r}", flush=True)
