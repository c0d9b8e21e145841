"""Tests the states of the engine's process."""

import pytest

from afmbatch.sampling.recipe import Recipe
from afmbatch.settings import Settings
from afmbatch.spec.job import JobSpec
from tests.redis_server import until
from worker.control.engine_process import EngineLostError, EngineNotStartedError, EngineProcess, EngineState
from worker.messages import BatchMade, MakeBatches

RECIPE = Recipe.of(JobSpec(dataset="ds", rotations={"kind": "none"}, batch_size=10), 100, 300).model_dump_json()


@pytest.fixture
def engine_of(tmp_path):
    engines = []

    def start(maker):
        settings = Settings(store_url=(tmp_path / "store").as_uri(), batch_seconds=1)
        engines.append(EngineProcess(settings, f"tests.worker.makers:{maker}"))
        return engines[-1]

    yield start
    for engine in engines:
        engine.stop()


def receive(engine, batches):
    """Wait until this number of batches is answered, and return the answers."""
    answers = []
    while len(answers) < batches:
        answers += engine.receive(5)
    return answers


def test_from_its_start_to_its_end(engine_of):
    engine = engine_of("Good")
    assert engine.state is EngineState.NOT_STARTED
    engine.launch()
    assert engine.state is EngineState.STARTING
    assert engine.wait_until_ready() == engine.ready
    assert engine.state is EngineState.READY
    engine.send(MakeBatches("job-1", RECIPE, [1, 2]))
    engine.send(MakeBatches("job-1", RECIPE, [4]))
    assert (engine.state, engine.unanswered_groups) == (EngineState.BUSY, 2)
    answers = receive(engine, 3)
    assert sorted((type(a), a.batch) for a in answers) == [(BatchMade, 1), (BatchMade, 2), (BatchMade, 4)]
    assert (engine.state, engine.unanswered_groups) == (EngineState.READY, 0)
    engine.ensure_ready()
    engine.stop()
    assert engine.state is EngineState.ENDED
    engine.ensure_ready()
    assert engine.state is EngineState.READY


@pytest.mark.parametrize(
    ("call", "needed"),
    [
        (lambda engine: engine.wait_until_ready(), "starting"),
        (lambda engine: engine.send(MakeBatches("job-1", RECIPE, [1])), "ready or busy"),
        (lambda engine: engine.skip("job-1"), "busy"),
        (lambda engine: engine.receive(0), "busy or failed"),
    ],
)
def test_a_call_in_another_state_is_an_error(engine_of, call, needed):
    with pytest.raises(RuntimeError, match=f"the engine process is not started; this call needs it to be {needed}"):
        call(engine_of("Good"))


def test_an_engine_that_dies_has_ended(engine_of):
    engine = engine_of("Crashes")
    engine.ensure_ready()
    engine.send(MakeBatches("job-1", RECIPE, [3]))
    with pytest.raises(EngineLostError, match="killed by SIGSEGV"):
        receive(engine, 1)
    assert (engine.state, engine.unanswered_groups) == (EngineState.ENDED, 0)
    engine.ensure_ready()
    assert engine.state is EngineState.READY


def test_answers_before_a_failure_are_received_first(engine_of, tmp_path):
    engine = engine_of("RaisesOnceAllowed")
    engine.ensure_ready()
    engine.send(MakeBatches("job-1", RECIPE, [2]))
    engine.send(MakeBatches("job-1", RECIPE, [3]))
    until(lambda: engine._pipe.poll())  # the answer for batch 2 is there
    (tmp_path / "allowed").touch()
    engine._process.wait(10)
    assert [answer.batch for answer in engine.receive(5)] == [2]
    assert (engine.state, engine.unanswered_groups) == (EngineState.FAILED, 1)
    with pytest.raises(EngineLostError, match="MemoryError: no room for this batch"):
        engine.receive(5)
    assert (engine.state, engine.unanswered_groups) == (EngineState.ENDED, 0)


def test_an_engine_without_a_device_does_not_start(engine_of):
    with pytest.raises(EngineNotStartedError, match="the engine did not start: no OpenCL device"):
        engine_of("NoDevice").ensure_ready()
