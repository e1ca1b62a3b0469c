"""A process to supervise: `tiny_part.py PORT MODE`. Answers every GET with 200."""

import signal
import socket
import sys

PORT, MODE = int(sys.argv[1]), sys.argv[2]


def main() -> None:
    """Serve until killed."""
    if MODE == "broken":
        sys.exit("cannot read the flux capacitor")
    if MODE == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with socket.create_server(("127.0.0.1", PORT)) as server:
        while True:
            connection, _ = server.accept()
            with connection:
                if MODE != "silent":
                    connection.recv(4096)
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


if __name__ == "__main__":
    main()
