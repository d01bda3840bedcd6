"""Starts `nomad-tui` as a process without import time, for tests that are not about starting.

`command()` replaces the program's name in a command line. It connects to a server that has imported everything, passes
its arguments, environment, folder and standard streams, and waits for the process that the server forks. Signals are
forwarded and the exit code is returned. Terminals are not supported.
"""

import array
import atexit
import io
import json
import os
import pkgutil
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Final

PROGRAM: Final = Path(sys.executable).with_name("nomad-tui")
LOADED: Final = ("cli", "doctor", "journal", "sources", "stream")
_REQUEST_BYTES: Final = 4

CLIENT: Final = """
import array, json, os, signal, socket, sys
server = socket.socket(socket.AF_UNIX)
server.connect(sys.argv[1])
request = json.dumps([sys.argv[2:], os.getcwd(), dict(os.environ)], ensure_ascii=True).encode()
descriptors = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 1, 2]))]
server.sendmsg([len(request).to_bytes(4, "big")], descriptors)
server.sendall(request)
for number in signal.SIGHUP, signal.SIGINT, signal.SIGTERM:
    signal.signal(number, lambda number, frame: server.send(bytes([number])))
null = os.open(os.devnull, os.O_RDWR)
for descriptor in range(3):
    os.dup2(null, descriptor)
code = int.from_bytes(server.recv(4), "big", signed=True)
if code < 0:
    signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)
os._exit(code)
"""


@cache
def command() -> tuple[str, ...]:
    """Return the command without arguments. The server runs as long as this process."""
    if not hasattr(os, "pidfd_open"):
        return (str(PROGRAM),)
    folder = tempfile.TemporaryDirectory(prefix="nomad-tui-")
    path = str(Path(folder.name) / "server")
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.fork_server", path],
        cwd=Path(__file__).parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None and process.stdout is not None
    process.stdout.readline()

    def end() -> None:
        process.kill()
        process.communicate()
        folder.cleanup()

    atexit.register(end)
    return sys.executable, "-I", "-S", "-c", CLIENT, path


def _receive(connection: socket.socket) -> tuple[list[Any], list[int]]:
    received = array.array("i")
    length, ancillary, _, _ = connection.recvmsg(_REQUEST_BYTES, socket.CMSG_SPACE(3 * received.itemsize))
    for _, _, content in ancillary:
        received.frombytes(content)
    left, request = int.from_bytes(length, "big"), b""
    while len(request) < left:
        request += connection.recv(left - len(request))
    return json.loads(request), list(received)


def _keep(connection: socket.socket) -> None:
    """Run the program for one client, forward signals, and end it if the client goes away."""
    (arguments, folder, environment), descriptors = _receive(connection)
    pid = os.fork()
    if pid == 0:
        connection.close()
        for number, descriptor in enumerate(descriptors):
            os.dup2(descriptor, number)
            os.close(descriptor)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        time.tzset()
        os._exit(_run(arguments))
    for descriptor in descriptors:
        os.close(descriptor)
    ended = os.pidfd_open(pid)
    with selectors.DefaultSelector() as selector:
        selector.register(connection, selectors.EVENT_READ)
        selector.register(ended, selectors.EVENT_READ)
        while True:
            ready = {key.fileobj for key, _ in selector.select()}
            if ended in ready:
                break
            numbers = connection.recv(16) or bytes([signal.SIGKILL])
            for number in numbers:
                os.kill(pid, number)
            if signal.SIGKILL in numbers:
                break
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    connection.sendall(code.to_bytes(4, "big", signed=True))


def _run(arguments: list[str]) -> int:
    """Run the program, and return its exit code."""
    from nomad_tui.cli.main import main

    sys.argv = ["nomad-tui", *arguments]
    sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, "rb", closefd=False)), "utf-8", "surrogateescape")
    sys.stdout = io.TextIOWrapper(io.BufferedWriter(io.FileIO(1, "wb", closefd=False)), "utf-8")
    errors = io.BufferedWriter(io.FileIO(2, "wb", closefd=False))
    sys.stderr = io.TextIOWrapper(errors, "utf-8", "backslashreplace", line_buffering=True)
    code: object = 0
    try:
        code = main()
    except SystemExit as ended:
        code = ended.code
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        return 120
    if isinstance(code, str):
        os.write(2, f"{code}\n".encode())
        return 1
    return code if isinstance(code, int) else 0


def _serve(path: str) -> None:
    for part in LOADED:
        package = import_module(f"nomad_tui.{part}")
        for _, name, _ in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as server, selectors.DefaultSelector() as selector:
        server.bind(path)
        server.listen(64)
        print("ready", flush=True)
        selector.register(server, selectors.EVENT_READ)
        selector.register(sys.stdin, selectors.EVENT_READ)
        while all(key.fileobj is server for key, _ in selector.select()):
            connection, _ = server.accept()
            if os.fork() == 0:
                server.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                signal.signal(signal.SIGINT, signal.default_int_handler)
                _keep(connection)
                os._exit(0)
            connection.close()


if __name__ == "__main__":
    _serve(sys.argv[1])
