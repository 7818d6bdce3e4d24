"""Against a server on the loopback interface that the test starts."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import rank_retrieve as rr

pytest.importorskip("httpx")

KEY = "a-secret-of-the-test"


class Service:
    """An embeddings endpoint: answers are (status, headers, body), or by the rule if None."""

    def __init__(self):
        self.requests, self.headers, self.answers = [], [], []
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                service.requests.append((self.path, body))
                service.headers.append(dict(self.headers))
                status, headers, answer = (
                    service.answers.pop(0) if service.answers else (200, {}, service.rule(body))
                )
                encoded = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(encoded)))
                self.end_headers()
                self.wfile.write(encoded)

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"

    @staticmethod
    def rule(body):
        rows = [{"index": n, "embedding": [len(t), 1.0]} for n, t in enumerate(body["input"])]
        return {"data": rows[::-1]}  # an answer may come in any order


@pytest.fixture
def service():
    made = Service()
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


@pytest.fixture
def waits():
    return []


@pytest.fixture
def encoder(service, waits):
    return rr.HTTPEncoder(
        service.url, "small", api_key=KEY, batch_size=2, sleep=waits.append, query_prompt="q: "
    )


def test_texts_are_sent_in_batches_and_come_back_in_order(service, encoder):
    assert encoder.dim == 2
    assert encoder.encode_documents(["a", "ab", "abc"]).tolist() == [[1, 1], [2, 1], [3, 1]]
    assert encoder.encode_queries(["a"]).tolist() == [[4, 1]]
    assert service.requests == [
        ("/v1/embeddings", {"model": "small", "input": texts})
        for texts in (["word"], ["a", "ab"], ["abc"], ["q: a"])
    ]
    assert {headers["Authorization"] for headers in service.headers} == {f"Bearer {KEY}"}


def test_what_fails_for_the_moment_is_tried_again_after_waits_that_grow(service, encoder, waits):
    service.answers = [(503, {}, "busy"), (429, {"Retry-After": "7"}, "slow down")]
    assert encoder.encode_documents(["a"]).tolist() == [[1, 1]]
    assert waits[:2] == [0.5, 7.0]


def test_a_service_that_stays_away_is_told_with_its_last_words(service, waits):
    encoder = rr.HTTPEncoder(service.url, "small", dim=2, max_retries=3, sleep=waits.append)
    service.answers = [(500, {}, "out of memory")] * 4
    with pytest.raises(rr.EncodingFailed, match=r"500.*out of memory.*tried 4 times"):
        encoder.encode_documents(["a"])
    assert waits == [0.5, 1.0, 2.0]
    assert len(service.requests) == 4


def test_a_request_that_is_refused_is_not_sent_again(service, encoder, waits):
    service.answers = [(401, {}, {"error": "no such key"})]
    with pytest.raises(rr.EncodingFailed, match="no such key") as caught:
        encoder.encode_documents(["a"])
    assert waits == []
    assert KEY not in str(caught.value)
    assert KEY not in repr(rr.HTTPEncoder(service.url, "small", dim=2, api_key=KEY))


def test_nobody_at_the_address_is_a_typed_error(waits):
    closed = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    url = f"http://127.0.0.1:{closed.server_port}"
    closed.server_close()
    encoder = rr.HTTPEncoder(url, "small", dim=2, max_retries=1, sleep=waits.append)
    with pytest.raises(rr.EncodingFailed, match="was not reached"):
        encoder.encode_documents(["a"])
    assert waits == [0.5]


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>",
        [],
        {"data": []},
        {"data": [{"index": 1, "embedding": [1, 2]}]},
        {"data": [{"index": 0, "embedding": "AAAA"}]},
        {"data": [{"index": 0, "embedding": [1, None]}]},
    ],
)
def test_nonsense_is_a_typed_error(service, encoder, answer):
    assert encoder.dim == 2
    service.answers = [(200, {}, answer)]
    with pytest.raises((rr.EncodingFailed, rr.InvalidArgument)):
        encoder.encode_documents(["a"])


@pytest.mark.parametrize("row", [[1], [1, 2, 3]])
def test_vectors_of_another_dimension_are_refused(service, encoder, row):
    assert encoder.dim == 2
    service.answers = [(200, {}, {"data": [{"index": 0, "embedding": row}]})]
    with pytest.raises(rr.DimensionMismatch):
        encoder.encode_documents(["a"])


@pytest.mark.parametrize(
    "arguments", [{"url": "ftp://x"}, {"timeout_s": 0}, {"max_retries": -1}, {"dim": 0}]
)
def test_bad_settings_are_refused(arguments):
    with pytest.raises(rr.InvalidArgument):
        rr.HTTPEncoder(**{"url": "http://127.0.0.1:1", "model": "m", **arguments})


def test_a_document_whose_text_is_not_encoded_is_not_stored(service, encoder):
    with rr.open(":memory:") as db:
        notes = db.create_collection("notes", fields={"text": rr.Text()}, encoder=encoder)
        service.answers = [(400, {}, "no")]
        with pytest.raises(rr.EncodingFailed):
            notes.put({"id": "a", "text": "a text"})
        assert len(notes) == 0
        notes.put({"id": "a", "text": "a text"})
        assert notes.search("a text", mode="dense").ids.tolist() == ["a"]
