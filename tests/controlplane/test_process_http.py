"""The client of our own processes, against a server that says byte for byte what it is told to say."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from controlplane.process_http import NoAnswerError, ProcessClient

OK = b"HTTP/1.1 200 OK\r\nX-Name: Value\r\nContent-Length: 2\r\n\r\n{}"
WAITS_S = 30.0


class Scripted:
    """Serves one connection after another: reads a question, sends an answer, or closes.

    Attributes:
        answers: for each connection its answers in turn; after the last it is closed.
        questions: as they came, with the number of the connection.
    """

    def __init__(self, *answers: list[list[bytes]]) -> None:
        self.answers = answers
        self.questions: list[tuple[int, bytes]] = []
        self.closed = [threading.Event() for _ in answers]
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        for number, answers in enumerate(self.answers):
            connection, _ = self._socket.accept()
            with connection:
                for pieces in answers:
                    self.questions.append((number, _question(connection)))
                    for piece in pieces:
                        connection.sendall(piece)
            self.closed[number].set()

    def close(self) -> None:
        self._socket.close()


def _question(connection: socket.socket) -> bytes:
    """Head and body of the next request."""
    text = b""
    while b"\r\n\r\n" not in text:
        text += connection.recv(65_536)
    head, _, body = text.partition(b"\r\n\r\n")
    length = re.search(rb"Content-Length: (\d+)", head)
    while length and len(body) < int(length[1]):
        body += connection.recv(65_536)
    return head + b"\r\n\r\n" + body


@pytest.fixture
def ask() -> Iterator:
    """Makes a server with these answers, and its client."""
    opened: list[Scripted | ProcessClient] = []

    def made(*answers: list[list[bytes]]) -> tuple[Scripted, ProcessClient]:
        server = Scripted(*answers)
        client = ProcessClient(server.url, {"Authorization": "Bearer token"}, WAITS_S)
        opened.extend((client, server))
        return server, client

    yield made
    for item in opened:
        item.close()


def test_questions_go_over_one_connection_whole_and_answers_come_as_they_were_sent(ask):
    head = b"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunked = [head + b"2\r\nno", b"\r\n4\r\nbody\r\n0\r\n\r\n"]
    empty = [b"HTTP/1.1 204 No Content\r\n\r\n"]
    server, client = ask([[OK], chunked, empty])
    first = client.ask("POST", "/a?b=%C3%A9", b"body", {"X-One": "1"})
    assert (first.status, first.headers["x-name"], first.body) == (200, "Value", b"{}")
    second, third = client.ask("GET", "/c"), client.ask("POST", "/d")
    assert (second.status, second.body, third.status, third.body) == (404, b"nobody", 204, b"")
    assert [number for number, _ in server.questions] == [0, 0, 0]
    questions = [question.partition(b"\r\n\r\n") for _, question in server.questions]
    heads = [set(head.split(b"\r\n")) for head, _, _ in questions]
    assert [body for _, _, body in questions] == [b"body", b"", b""]
    common = {b"Host: " + server.url.removeprefix("http://").encode(), b"Authorization: Bearer token"}
    assert heads[0] >= common | {b"POST /a?b=%C3%A9 HTTP/1.1", b"X-One: 1", b"Content-Length: 4"}
    assert heads[1] >= common | {b"GET /c HTTP/1.1"}
    assert heads[2] >= common | {b"POST /d HTTP/1.1", b"Content-Length: 0"}


def test_a_connection_that_was_closed_meanwhile_is_not_used_again(ask):
    closing_one = [b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"]
    server, client = ask([[OK]], [closing_one], [[OK]])
    for number in range(3):
        assert client.ask("GET", "/").status == 200
        assert server.closed[number].wait(WAITS_S)
    assert [number for number, _ in server.questions] == [0, 1, 2]


@pytest.mark.parametrize("said", [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", b"hello\r\n\r\n", b""])
def test_what_is_no_whole_answer_is_told(ask, said):
    _, client = ask([[said]])
    with pytest.raises(NoAnswerError):
        client.ask("GET", "/")


def test_nobody_waits_for_ever_or_smuggles_a_header(ask):
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        client = ProcessClient(f"http://127.0.0.1:{silent.getsockname()[1]}", {}, WAITS_S)
        with pytest.raises(NoAnswerError, match="timed out"):
            client.ask("GET", "/", timeout_s=0.05)
    with pytest.raises(NoAnswerError, match="refused"):
        client.ask("GET", "/")
    server, client = ask([[OK]])
    with pytest.raises(ValueError, match="Invalid header"):
        client.ask("GET", "/", headers={"A": "b\nC: d"})
    client.ask("GET", "/ HTTP/1.1\r\nX: y")
    assert server.questions[0][1].startswith(b"GET /%20HTTP/1.1%0D%0AX:%20y HTTP/1.1\r\n")
