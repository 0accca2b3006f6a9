"""Sends every byte back, with asyncore, which Python had until 3.12."""

import asyncore
import socket
import sys


class Connection(asyncore.dispatcher):
    def __init__(self, accepted):
        super().__init__(accepted)
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.unsent = b""

    def readable(self):
        return not self.unsent

    def writable(self):
        return bool(self.unsent)

    def handle_read(self):
        self.unsent = self.recv(64 * 1024)
        self.handle_write()

    def handle_write(self):
        if self.unsent:
            self.unsent = self.unsent[self.send(self.unsent):]

    def handle_close(self):
        self.close()


class Server(asyncore.dispatcher):
    def __init__(self, address):
        super().__init__()
        self.create_socket(socket.AF_INET, socket.SOCK_STREAM)
        self.bind(address)
        self.listen(1024)
        host, port = self.socket.getsockname()
        print(f"asyncore_echo: listening on {host}:{port}", flush=True)

    def writable(self):
        return False

    def handle_accept(self):
        # All that wait, for each wait costs the more the more are connected.
        while (pair := self.accept()) is not None:
            Connection(pair[0])


host, port = (sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:0").rsplit(":", 1)
Server((host, int(port)))
# poll, for select in Python ends at descriptor 1023.
asyncore.loop(use_poll=True)
