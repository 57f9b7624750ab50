"""Reading configurations: what is accepted, and how everything else is refused."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import proxy_tasks
from dsl import MutationSettings
from search.config import BudgetConfig, Config, FitnessConfig, FunnelConfig, TuneConfig
from search.configuration import SHIPPED, ConfigError, config_from_dict, describe, load_config, to_dict
from search.errors import SearchError

CHANGED = Config(
    task="digits",
    seed=2**63 - 1,
    start="lion",
    mutation=MutationSettings(insert=0.0, constants_only=True),
    budget=BudgetConfig(generated=0, seconds=0.5),
    tune=TuneConfig(learning_rates=(1e-9,)),
    funnel=FunnelConfig(scales=(10, 100), tune=TuneConfig(seeds=1)),
)


def keys_of(config: Any, above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], dataclasses.Field]]:
    """The path and the field of every key, sections included."""
    for field in dataclasses.fields(config):
        yield (*above, field.name), field
        if dataclasses.is_dataclass(getattr(config, field.name)):
            yield from keys_of(getattr(config, field.name), (*above, field.name))


KEYS = list(keys_of(Config()))
NUMBERS = [(path, field) for path, field in KEYS if field.metadata.get("low") is not None]


def nested(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """{a: {b: value}} for the path a, b; the first of a list where the key holds one."""
    default: Any = Config()
    for key in path:
        default = getattr(default, key)
    value = [value, *default[1:]] if isinstance(default, tuple) else value
    for key in reversed(path):
        value = {key: value}
    return value


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "my.yaml"


def refusal(file: Path, *overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(file, overrides)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("config", [Config(), CHANGED], ids=["defaults", "changed"])
def test_what_is_described_is_read_as_the_same_configuration(file, config):
    file.write_text(describe(config))
    assert load_config(file) == config


@pytest.mark.parametrize("config", [Config(), CHANGED], ids=["defaults", "changed"])
def test_plain_values_are_read_as_the_same_configuration(config):
    plain = to_dict(config)
    assert yaml.safe_load(yaml.safe_dump(plain)) == plain
    assert config_from_dict(plain, "test") == config


@pytest.mark.parametrize(("path", "field"), KEYS, ids=[".".join(path) for path, _ in KEYS])
def test_every_key_is_described_with_its_meaning(path, field):
    lines = [line.strip() for line in describe(Config()).splitlines()]
    meanings = [above for above, line in zip(lines, lines[1:], strict=False) if line.startswith(f"{path[-1]}:")]
    assert any(above.startswith(f"# {field.metadata['meaning']}") for above in meanings)


def test_a_changed_value_is_described_with_range_and_default():
    lines = describe(Config(population=5)).splitlines()
    assert lines[lines.index("population: 5") - 1] == "# programs in the population (2 to 10000000; default 1000)"


@pytest.mark.parametrize(("path", "field"), NUMBERS, ids=[".".join(path) for path, _ in NUMBERS])
def test_numbers_outside_the_allowed_range_are_refused(path, field):
    ends = [(field.metadata["low"], -1), (field.metadata["high"], 1)]
    for end, outwards in ends:
        if end is not None:
            with pytest.raises(ConfigError, match=rf"^here: {'.'.join(path)}: .* out of range: write a "):
                config_from_dict(nested(path, end + outwards), "here")


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_configurations_are_found_by_name(path):
    assert load_config(Path(path.stem)) == load_config(path)


def test_a_file_goes_before_a_shipped_configuration_and_a_directory_does_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("quickstart").mkdir()
    assert load_config(Path("quickstart")) == load_config(SHIPPED / "quickstart.yaml")
    Path("quickstart").rmdir()
    Path("quickstart").write_text("seed: 7")
    assert load_config(Path("quickstart")).seed == 7


def test_an_empty_mapping_is_the_default_configuration(file):
    file.write_text("{}")
    assert load_config(file) == Config()


def test_the_default_task_which_is_not_looked_up_exists():
    for scale in (Config.scale, *FunnelConfig.scales):
        assert proxy_tasks.get(Config.task, scale).scale == scale


def test_a_task_of_the_users_own_is_looked_up(file, quadratic):
    file.write_text(f"task: {quadratic}")
    assert load_config(file).task == quadratic
    file.write_text(f"task: {quadratic}s")
    assert f"{file}:1: task: " in refusal(file)


@pytest.mark.parametrize("text", ["1e-3", "1.0e-3", "0.001", "'0.001'", "+.001", "1e-03"])
def test_floats_are_read_in_all_their_spellings(file, text):
    file.write_text(f"mutation: {{insert: {text}}}\ntune: {{learning_rates: [1, {text}]}}")
    config = load_config(file)
    assert config.mutation.insert == 0.001
    assert config.tune.learning_rates == (1.0, 0.001)
    assert type(config.tune.learning_rates[0]) is float


REFUSED: dict[str, tuple[str, str]] = {
    # text: (where and key, part of the message)
    "": (" is empty", "`task: digits_vit`"),
    "# a comment\n": (" is empty", "`task: digits_vit`"),
    "- task\n": ("", "write lines `key: value`"),
    "lion": ("", "write lines `key: value`"),
    "task: [": (":1", "not YAML"),
    "seed: 1\n\ttask: lion": (":2", "not YAML"),
    "task: \0": ("", "not YAML"),
    "seed: 1\n---\nseed: 2": (":2", "single document"),
    "seed: 1\nbudget: {trained: 1}\nseed: 2\n": (":3: seed", "stands twice, first on line 1"),
    "budget:\n  trained: 1\n  trained: 1\n": (":3: budget.trained", "stands twice, first on line 2"),
    "seed: &s 1\nscale: *s\n": (":2", "write the value out"),
    "budget: !!python/object:os.system {}\n": (":1", "tags are not read"),
    "task: !!python/name:os.system\n": (":1", "python/name"),
    "[a]: 1\n": (":1", "a key is one word"),
    "seed: 010\n": (":1", "YAML reads 010 as 8"),
    "seed: 1:30\n": (":1", "YAML reads 1:30 as 90"),
    "seed: 2024-13-45\n": (":1", "cannot be read"),
    f"seed: {'9' * 5000}\n": (":1", "cannot be read"),
    f"seed: {'[' * 3000}\n": ("", "nest too deep"),
    "\npopulaton: 5\n": (":2: populaton", "unknown key; did you mean 'population'?"),
    "budget:\n  generatd: 5\n": (":2: budget.generatd", "did you mean 'generated'?"),
    "generated: 5\n": (":1: generated", "did you mean budget.generated?"),
    "learning_rates: [1]\n": (":1: learning_rates", "did you mean tune.learning_rates or funnel.tune.learning_rates?"),
    "zzz: 5\n": (":1: zzz", "the keys here are task, scale"),
    "1: 2\n": (":1: 1", "unknown key"),
    "<<: {seed: 1}\n": (":1: <<", "unknown key"),
    "seed: true\n": (":1: seed", "true where a whole number is expected, 0 to"),
    "seed: x\n": (":1: seed", "'x' where a whole number"),
    "seed: 1e3\n": (":1: seed", "write 1000"),
    "seed: 5.0\n": (":1: seed", "write 5"),
    "seed: 5.5\n": (":1: seed", "5.5 where a whole number"),
    "seed:\n": (":1: seed", "nothing where a whole number"),
    "task: 5\n": (":1: task", "5 where text"),
    "task: ' '\n": (":1: task", "' ' where a name"),
    "mutation: {constants_only: 1}\n": (":1: mutation.constants_only", "1 where true or false"),
    "mutation: {insert: true}\n": (":1: mutation.insert", "true where a number is expected, 0 to"),
    "mutation: {insert: .nan}\n": (":1: mutation.insert", "nan where a finite number"),
    "mutation: {insert: .inf}\n": (":1: mutation.insert", "inf where a finite number"),
    "mutation: {insert: 'nan'}\n": (":1: mutation.insert", "'nan' where a number"),
    f"mutation: {{insert: 1{'0' * 400}}}\n": (":1: mutation.insert", "a finite number"),
    "budget: 5\n": (":1: budget", "5 where keys are expected: generated, trained, seconds"),
    "funnel: {tune: [1]}\n": (":1: funnel.tune", "where keys are expected"),
    "funnel: {scales: 10}\n": (":1: funnel.scales", "write [10]"),
    "funnel: {scales: [10, x]}\n": (":1: funnel.scales", "'x' where a whole number"),
    "tune: {weight_decays: [1, 0.1, 1.0]}\n": (":1: tune.weight_decays", "1.0 stands twice"),
    "fitness: {stop_margins: [0.5, 0.5]}\n": (
        ":1: fitness.stop_margins",
        "a list of 2: write 3 values, each a number, 0 to 100",
    ),
    "fitness: {stop_margins: [0.5, 0.5, -1]}\n": (":1: fitness.stop_margins", "-1.0 is out of range"),
    "fitness: {stop_margins: 0.3}\n": (":1: fitness.stop_margins", "write [0.3, 0.3, 0.3]"),
    "ray: {resources: [tpu]}\n": (":1: ray.resources", "'tpu' is no resource: write name=amount"),
    "fitness: {stop_margin: 0.3}\n": (":1: fitness.stop_margin", "did you mean 'stop_margins'?"),
    "scale: 10\n": (": funnel.scales", "10 is not larger than the scale of the search, 10"),
    "population: 4\n\ntournament: 5": (":3: tournament", "5 is more than the population of 4"),
    "budget:\n  generated: 0\n": (":1: budget", "there is no limit"),
    "mutation: {insert: 0, delete: 0, modify: 0}\n": (":1: mutation", "all weights are 0"),
    "workers: 4\n": (
        ":1: workers",
        "4 where text is expected: write ray or inline; how many workers Ray has is ray.workers",
    ),
    "workers: rey\n": (":1: workers", "write inline or ray"),
    "start: adamww\n": (":1: start", "did you mean 'adamw'?"),
    "start: .\n": (":1: start", ". cannot be read (Is a directory)"),
    "task: digitz\n": (":1: task", "the nearest are digits"),
    "task: nowhere.py:Mine\n": (":1: task", "there is no file nowhere.py"),
    "task: digits\nscale: 2\n": (":2: scale", "digits has no scale 2: it has 1, 10, 100, 500"),
    "funnel:\n  scales: [10, 11]\n": (":2: funnel.scales", "digits_vit has no scale 11"),
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: repr(text[:50]))
def test_everything_else_is_refused_in_one_line_with_place_key_and_remedy(file, text):
    file.write_bytes(text.encode())
    message, (place, part) = refusal(file), REFUSED[text]
    assert message.startswith(f"{file}{place}")
    assert part in message


def test_an_error_in_the_warm_start_program_is_shown_with_its_place(file):
    program = file.with_suffix(".txt")
    program.write_text("def train(w, g, lr):\n  return sqt(g)\n")
    file.write_text(f"start: {program}")
    assert refusal(file).startswith(f"{file}:1: start: {program}:2:10: unknown function 'sqt'; did you mean 'sqrt'?")


def test_files_that_cannot_be_read_are_refused_in_one_line(file):
    assert "the shipped ones are" in refusal(file.with_name("other.txt"))
    assert f"{file.parent} is a directory" in refusal(file.parent)
    assert "there is no configuration" in refusal(Path("x" * 5000))
    file.write_bytes(b"seed: 1 # \xff")
    assert refusal(file) == f"{file} is not text in UTF-8 (byte 10): give a YAML file"


def test_a_mistyped_name_is_answered_with_the_nearest_configuration(file):
    file.touch()
    assert refusal(Path("quickstrt")).endswith("did you mean 'quickstart'?")
    assert refusal(file.with_suffix(".yml")).endswith(f"did you mean '{file}'?")


def test_overrides_replace_values_of_the_file(file):
    file.write_text("seed: 1\nfitness:\n  seeds: 2\n  race_margin: 0\n")
    config = load_config(file, ["seed=3", "fitness.seeds=4", "funnel.tune.seeds=5", "tune={seeds: 6}", "seed=7"])
    expected = Config(
        seed=7,
        fitness=FitnessConfig(seeds=4, race_margin=0.0),
        tune=TuneConfig(seeds=6),
        funnel=FunnelConfig(tune=TuneConfig(seeds=5)),
    )
    assert config == expected


@pytest.mark.parametrize(
    ("override", "part"),
    [
        ("seed", "write key=value"),
        ("=5", "write key=value"),
        ("seed=x", "seed: 'x' where a whole number"),
        ("seed=", "seed: nothing where a whole number"),
        ("seed=[", "not YAML"),
        ("fitness.seds=1", "fitness.seds: unknown key; did you mean 'seeds'?"),
        ("fitnes.seeds=1", "fitnes: unknown key; did you mean 'fitness'?"),
        ("fitness=1", "fitness: 1 where keys are expected"),
        ("fitness={}", None),
    ],
)
def test_an_error_in_an_override_is_shown_at_the_override(file, override, part):
    file.write_text("fitness:\n  seeds: 2\n")
    if part is None:
        assert load_config(file, [override]) == Config()
        return
    message = refusal(file, override)
    assert message.startswith(f"--set {override}:")
    assert part in message


def test_an_override_does_not_reach_into_a_value(file):
    file.write_text("\nseed: 1\n")
    assert refusal(file, "seed.x=1") == f"{file}:2: seed: 1 has no keys, and so no seed.x"


def test_all_errors_are_search_errors():
    with pytest.raises(SearchError, match="^the journal: sed: unknown key; did you mean 'seed'"):
        config_from_dict({"sed": 1}, "the journal")
