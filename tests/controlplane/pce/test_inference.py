"""Against a real HTTP server that is slow, dead, wrong, or replaced in mid-flight."""

import asyncio
import time

import numpy as np
import pytest

from controlplane.pce.breaker import CircuitBreaker
from controlplane.pce.inference import InferenceClient, InferenceError
from envs.candidates import Observation
from envs.features import NUM_CONTEXT, NUM_FEATURES


@pytest.fixture
def observation() -> Observation:
    rng = np.random.default_rng(3)
    mask = np.array([True, True, True, False, False])
    features = np.where(mask[:, None], rng.random((5, NUM_FEATURES)), 0).astype(np.float32)
    return Observation(features, mask, rng.random(NUM_CONTEXT).astype(np.float32))


async def reason_of(client: InferenceClient, observation: Observation) -> str:
    with pytest.raises(InferenceError) as failure:
        await client.choose(observation)
    return failure.value.reason


def test_the_servers_choice_is_followed_and_it_saw_the_observation_bit_for_bit(model, observation):
    async def run() -> None:
        client = InferenceClient(model.url, deadline_s=5)
        choice = await client.choose(observation)
        assert (choice.index, choice.score, choice.second_score) == (2, 2.0, 1.0)
        await client.close()

    asyncio.run(run())
    (inputs,) = model.asked
    assert np.array_equal(np.array(inputs["features"], np.float32), observation.features[None])
    assert np.array_equal(np.array(inputs["context"], np.float32), observation.context[None])
    assert inputs["action_mask"] == [[1.0, 1.0, 1.0, 0.0, 0.0]]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("nan", "wrong"),
        ("infinite", "wrong"),
        ("masked", "wrong"),
        ("short", "wrong"),
        ("text", "wrong"),
        ("html", "wrong"),
        ("two-rows", "wrong"),
        ("refuses", "wrong"),
        ("fails", "down"),
    ],
)
def test_an_answer_that_cannot_be_followed_is_refused_with_its_reason(model, observation, answer, reason):
    async def run() -> None:
        client = InferenceClient(model.url, deadline_s=5)
        model.answer = answer
        assert await reason_of(client, observation) == reason
        model.answer = "scores"
        assert (await client.choose(observation)).index == 2
        await client.close()

    asyncio.run(run())


def test_a_late_answer_costs_the_deadline_and_no_more(model, observation):
    async def run() -> None:
        client = InferenceClient(model.url, deadline_s=0.5)
        await client.choose(observation)
        model.delay_s = 600.0  # only the deadline can end it
        started = time.perf_counter()
        assert await reason_of(client, observation) == "late"
        assert time.perf_counter() - started >= 0.5
        model.delay_s = 0.0
        assert (await client.choose(observation)).index == 2
        await client.close()

    asyncio.run(run())


def test_a_dead_endpoint_opens_the_breaker_and_is_found_again_once_it_lives(model, observation):
    async def run() -> None:
        now_s = [0.0]
        client = InferenceClient(
            model.url, 5, CircuitBreaker(failures=3, pause_s=1.0, clock=lambda: now_s[0])
        )
        await client.choose(observation)
        await asyncio.to_thread(model.die)
        reasons = [await reason_of(client, observation) for _ in range(5)]
        assert reasons == ["down"] * 3 + ["breaker-open"] * 2
        await asyncio.to_thread(model.revive)
        assert await reason_of(client, observation) == "breaker-open"
        now_s[0] = 1.0
        assert (await client.choose(observation)).index == 2
        assert client.breaker_state == "closed"
        await client.close()

    asyncio.run(run())


def test_an_endpoint_that_hangs_costs_the_deadline_three_times_and_then_nothing(model, observation):
    async def run() -> None:
        client = InferenceClient(model.url, 0.1, CircuitBreaker(failures=3, pause_s=600.0))
        model.delay_s = 600.0
        assert [await reason_of(client, observation) for _ in range(3)] == ["late"] * 3
        model.asked.clear()
        assert [await reason_of(client, observation) for _ in range(20)] == ["breaker-open"] * 20
        assert model.asked == []
        await client.close()

    asyncio.run(run())


def test_wrong_answers_do_not_open_the_breaker(model, observation):
    async def run() -> None:
        client = InferenceClient(model.url, 5, CircuitBreaker(failures=2))
        model.answer = "nan"
        assert [await reason_of(client, observation) for _ in range(5)] == ["wrong"] * 5
        await client.close()

    asyncio.run(run())


def test_a_kept_alive_connection_closed_by_the_server_costs_no_request(observation):
    # Each connection answers once and is closed on the arrival of the second request, before an answer:
    # what a client sees when a server ends while its connections are kept alive.
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            body = b'{"predictions": {"scores": [[0, 1, 0, -1e9, -1e9]]}}'
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
            await writer.drain()
            await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    async def run() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        client = InferenceClient(f"http://127.0.0.1:{port}", deadline_s=5)
        for _ in range(6):
            assert (await client.choose(observation)).index == 1
        await client.close()
        server.close()

    asyncio.run(run())


def test_closing_waits_for_requests_in_flight(model, observation):
    async def run() -> None:
        client = InferenceClient(model.url, deadline_s=5)
        model.delay_s = 0.3
        asked = asyncio.create_task(client.choose(observation))
        while not model.asked:
            await asyncio.sleep(0.01)
        await client.close(drain_s=5)
        assert (await asked).index == 2

    asyncio.run(run())
