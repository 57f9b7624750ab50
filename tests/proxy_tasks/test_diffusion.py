"""Diffusion: how images turn into noise, what is drawn, and what a model is scored by."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import proxy_tasks
from proxy_tasks import TaskError
from proxy_tasks.diffusion import NOISE_SCHEDULES, PLACES
from proxy_tasks.models.initial import initial
from proxy_tasks.models.unet import UNet
from proxy_tasks.randomness import Purpose, stream

every_schedule = pytest.mark.parametrize("schedule", NOISE_SCHEDULES)


@pytest.fixture(scope="module")
def task():
    return proxy_tasks.get("diffusion")


@pytest.fixture(scope="module")
def data(task):
    return task.data()


def unet(channels: int, width: int, levels: int) -> UNet:
    return initial(lambda key: UNet(channels, width, levels, key), stream(0, Purpose.WEIGHTS))


@every_schedule
@pytest.mark.parametrize("steps", [25, 100, 1000])
def test_an_image_turns_into_noise_step_by_step(schedule, steps):
    kept = NOISE_SCHEDULES[schedule](steps)
    assert kept.shape == (steps,) and (np.diff(kept) < 0).all()
    assert 1 - 2.5 / steps < kept[0] < 1 and 0 < kept[-1] < 1e-3


@every_schedule
def test_signal_and_noise_have_together_the_variance_that_each_has_alone(schedule):
    data = proxy_tasks.get(f"diffusion,noise_schedule={schedule}").data()
    np.testing.assert_allclose(data["signal"] ** 2 + data["deviation"] ** 2, 1, rtol=1e-6)


def test_a_model_that_tells_the_noise_has_fitness_0(task, data):
    nothing = jax.device_put(data | {"evaluation": np.zeros_like(data["evaluation"])})

    def divides(noisy, time):
        return noisy / nothing["deviation"][jnp.int32(time * task.settings.noise_steps - 0.5)]

    assert task.evaluate(divides, nothing) < 1e-9


def test_a_model_that_says_there_is_no_noise_has_the_fitness_of_chance(task, data):
    assert task.evaluate(lambda noisy, time: 0 * noisy, jax.device_put(data)) == pytest.approx(task.chance, abs=0.02)


def test_a_step_shows_its_images_with_its_noise_at_its_times(task, data):
    batch = jax.tree.map(lambda rows: rows[3], task.batches(0))
    x = data["train"][batch["examples"]]
    noise = data["noise"][batch["noise"] :][: x.size].reshape(x.shape)
    parts = [data[name][batch["time"]][:, None, None, None] for name in ("signal", "deviation")]
    expected = parts[0] * x + parts[1] * noise
    seen = []

    def spy(noisy, time):
        seen.append((np.moveaxis(np.asarray(noisy), -1, 0), np.asarray(time)))
        return np.moveaxis(noise, 0, -1)

    assert task.loss(spy, data, batch) == 0
    np.testing.assert_allclose(seen[0][0], expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(seen[0][1], (batch["time"] + 1) / task.settings.noise_steps, rtol=1e-6)


def test_evaluation_goes_evenly_over_all_times(task, data):
    s, times = task.settings, data["drawn"]["time"]
    assert times.shape == (s.draws * s.validation,)
    counts = np.histogram(times, 10, (0, s.noise_steps))[0]
    assert np.abs(counts - len(times) / 10).max() <= 1
    assert not np.array_equal(times, np.sort(times))


def test_what_is_drawn_for_the_evaluation_is_no_noise_of_the_training(data):
    common = np.isin(data["drawn"]["noise"], data["noise"])
    assert common.mean() < 0.3  # of two million numbers some are equal by chance
    for noise in (data["drawn"]["noise"], data["noise"]):
        assert abs(noise.mean()) < 0.02 and noise.std() == pytest.approx(1, abs=0.02)


def test_the_noise_of_the_training_is_the_same_beside_a_test_split_of_another_size():
    task = proxy_tasks.get("diffusion,test=100")
    assert np.array_equal(task.data()["noise"], task.test_data()["noise"])


def test_the_noise_of_no_step_goes_past_the_end(task, data):
    s = task.settings
    assert len(data["noise"]) == PLACES + s.batch * data["train"][0].size
    starts = proxy_tasks.get("diffusion,steps=20000,batch=1").batches(0)["noise"]
    assert 0 <= starts.min() < 0.001 * PLACES and 0.999 * PLACES < starts.max() < PLACES


@pytest.mark.parametrize(("height", "width", "levels"), [(8, 8, 1), (7, 5, 2), (14, 14, 3), (3, 2, 4)])
def test_a_u_net_gives_pictures_of_the_size_it_gets(height, width, levels):
    x = np.zeros((3, height, width, 2), np.float32)
    assert jax.eval_shape(unet(3, 4, levels), x, x[0, 0, 0]).shape == x.shape


def test_a_u_net_treats_each_example_alone_and_tells_times_apart():
    model, run, rng = unet(1, 8, 2), jax.jit(lambda model, *given: model(*given)), np.random.default_rng(0)
    x, time = rng.normal(size=(1, 6, 6, 3)).astype(np.float32), np.array([0.1, 0.5, 0.9], np.float32)
    other = x + np.array([1, 0, 1], np.float32)
    a, b, later = (np.asarray(run(model, *given)) for given in ((x, time), (other, time), (x, time + 0.05)))
    np.testing.assert_array_equal(a[..., 1], b[..., 1])
    assert (np.abs(a - b).max((0, 1, 2)) > 0.01).tolist() == [True, False, True]
    assert (np.abs(a - later).max((0, 1, 2)) > 0.01).all()


def test_a_width_that_cannot_be_grouped_is_refused():
    with pytest.raises(TaskError, match="width = 6 is not a multiple of 4"):
        proxy_tasks.get("diffusion,width=6")
