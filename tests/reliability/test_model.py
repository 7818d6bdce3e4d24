"""Whatever is done to a database, it shows what a dict would, ranked as brute force would."""

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.reliability.counts import record
from tests.reliability.model import Model


def run(number: int, examples: int, steps: int) -> None:
    class Seeded(Model):
        done = Model.done.__class__()

    options = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(seed(number)(Seeded), settings=options)
    done = Seeded.done
    rules = {rule: count for rule, count in done.items() if rule != "examples"}
    record(
        "model",
        seed=number,
        examples=done["examples"],
        steps=sum(rules.values()),
        **{rule.replace(" ", "_").replace(":", ""): n for rule, n in sorted(rules.items())},
    )


def test_a_database_shows_what_its_model_shows() -> None:
    run(1, examples=30, steps=40)


@pytest.mark.reliability
@pytest.mark.parametrize("number", range(2, 10))
def test_a_database_shows_what_its_model_shows_for_thousands_of_steps(number: int) -> None:
    run(number, examples=100, steps=40)
