"""The breaker opens, pauses, tries once and recovers."""

from controlplane.pce.breaker import CircuitBreaker


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def opened(clock: Clock) -> CircuitBreaker:
    breaker = CircuitBreaker(failures=3, pause_s=1.0, clock=clock)
    for _ in range(3):
        assert breaker.allows()
        breaker.failure()
    return breaker


def test_it_opens_after_failures_in_a_row_only():
    breaker = CircuitBreaker(failures=3, pause_s=1.0, clock=Clock())
    for _ in range(5):
        breaker.failure()
        breaker.failure()
        breaker.success()
    assert breaker.state == "closed"
    assert breaker.allows()


def test_open_it_allows_nothing_until_the_pause_is_over_then_one_trial():
    clock = Clock()
    breaker = opened(clock)
    assert breaker.state == "open"
    assert not breaker.allows()
    clock.now_s += 1.01
    assert [breaker.allows() for _ in range(3)] == [True, False, False]


def test_a_good_trial_closes_it_and_a_bad_one_opens_it_again():
    clock = Clock()
    breaker = opened(clock)
    clock.now_s += 1.01
    assert breaker.allows()
    breaker.failure()
    assert not breaker.allows()
    clock.now_s += 1.01
    assert breaker.allows()
    breaker.success()
    assert breaker.state == "closed"
    breaker.failure()
    assert breaker.allows()


def test_a_trial_that_was_abandoned_lets_the_next_one_try():
    clock = Clock()
    breaker = opened(clock)
    clock.now_s += 1.01
    assert breaker.allows()
    breaker.abandoned()
    assert breaker.allows()
