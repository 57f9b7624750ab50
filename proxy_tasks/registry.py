"""Finding a task by name, built in or of an installed package, by "package.module:Class" or "path/to/file.py:Class"."""

from __future__ import annotations

import difflib
import hashlib
import importlib
import importlib.util
import inspect
import sys
from pathlib import Path
from types import ModuleType

from proxy_tasks.contrastive import Contrastive
from proxy_tasks.ctr import Ctr
from proxy_tasks.diffusion import Diffusion
from proxy_tasks.errors import TaskError
from proxy_tasks.finetune_language import FinetuneLanguage
from proxy_tasks.finetune_vision import FinetuneVision
from proxy_tasks.installed import declared
from proxy_tasks.language import Language
from proxy_tasks.masked_language import MaskedLanguage
from proxy_tasks.model_task import ModelTask
from proxy_tasks.naming import place_and_settings, several
from proxy_tasks.task import Task
from proxy_tasks.vision_mlp import Digits, VisionMlp
from proxy_tasks.vision_resnet import VisionResnet
from proxy_tasks.vision_vit import DigitsVit, VisionVit

# A new built-in task is one file and one line here.
TASKS: dict[str, type[ModelTask]] = {
    "digits": Digits,
    "digits_vit": DigitsVit,
    "vision_mlp": VisionMlp,
    "vision_vit": VisionVit,
    "vision_resnet": VisionResnet,
    "language": Language,
    "masked_language": MaskedLanguage,
    "diffusion": Diffusion,
    "contrastive": Contrastive,
    "ctr": Ctr,
    "finetune_vision": FinetuneVision,
    "finetune_language": FinetuneLanguage,
}


def get(name: str, scale: int = 1) -> Task:
    """The task called `name`.

    Args:
        name: a key of TASKS, a task that an installed package declares, "package.module:Class", or
            "path/to/file.py:Class" with a subclass of `Task`. Settings may follow:
            "digits_vit,batch=64,fitness=accuracy"; the class is called with them.
        scale: cost of a training, in units of the smallest variant; the class is called with `scale=`.

    Raises:
        TaskError: if there is no such task, file, module or class, or if the class is not a `Task`.
    """
    place, settings = place_and_settings(name)
    found = _find(place)
    arguments = {"scale": scale, **settings}
    called = ", ".join(f"{key}={value!r}" for key, value in arguments.items())
    try:
        inspect.signature(found).bind(**arguments)
    except TypeError as error:
        remedy = "name a setting that it takes" if settings else "let its __init__ take scale"
        raise TaskError(f"{place} cannot be called with {called} ({error}): {remedy}") from None
    try:
        task = found(**arguments)
    except TaskError:
        raise
    except Exception as error:
        raise TaskError(f"{place} cannot be made with {called} ({type(error).__name__}: {error})") from error
    # What the class computes is not asked for yet: a version may take a training.
    if missing := [name for name in Task.__annotations__ if not (hasattr(found, name) or hasattr(task, name))]:
        raise TaskError(f"{name} does not set {', '.join(missing)}: proxy_tasks.Task says what they mean")
    return task


def get_all(text: str, scale: int = 1) -> tuple[Task, ...]:
    """The tasks that a text joins with " + ", each as `get` takes it.

    Raises:
        TaskError: as `get`, or if one task stands there twice with the same settings.
    """
    names = several(text)
    given = [place_and_settings(name) for name in names]
    for number, name in enumerate(names):
        if given[number] in given[:number]:
            raise TaskError(f"{text}: {name} stands twice: remove one, or give it other settings")
    return tuple(get(name, scale) for name in names)


def _find(name: str) -> type[Task]:
    if name in TASKS:
        return TASKS[name]
    if name.endswith(".py") and Path(name).is_file():
        tasks = [f"{name}:{task}" for task in _tasks_in(_load_file(Path(name)))]
        raise TaskError(f"{name} is a file: name its task, {' or '.join(tasks) or f'{name}:Class'}")
    place, _, class_name = name.rpartition(":")
    relative_module = place.startswith(".") and not place.endswith(".py")
    if not place or not class_name.isidentifier() or relative_module:
        return _find_declared(name)
    module = _load_file(Path(place)) if place.endswith(".py") else _load_module(place)
    found = getattr(module, class_name, None)
    if found is None:
        known = ", ".join(_tasks_in(module)) or "none"
        raise TaskError(f"{place} has no class {class_name!r}; its tasks: {known}")
    if not (isinstance(found, type) and issubclass(found, Task)):
        raise TaskError(f"{name} is not a task: write `class {class_name}(proxy_tasks.Task)`")
    if missing := sorted(found.__abstractmethods__):
        raise TaskError(f"{name} lacks {', '.join(missing)}: proxy_tasks.Task says what they return")
    return found


def _tasks_in(module: ModuleType) -> list[str]:
    """Names of the tasks of a module."""
    classes = [key for key, value in vars(module).items() if isinstance(value, type) and issubclass(value, Task)]
    return [name for name in classes if name != "Task"]


def _find_declared(name: str) -> type[Task]:
    """The task of an installed package; whatever hinders it is told with the package that is to blame."""
    tasks = declared()
    found = [task for task in tasks if task.name == name]
    if not found:
        known = [*TASKS, *(task.name for task in tasks)]
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.5) or known
        raise TaskError(
            f"there is no task {name!r}; the nearest are {', '.join(near)}."
            ' A task of your own is "package.module:Class" or "path/to/file.py:Class"'
        )
    if len({task.target for task in found}) > 1:
        raise TaskError(
            f"the task {name} is declared by {' and by '.join(task.distribution for task in found)}:"
            f" write {' or '.join(task.target for task in found)}"
        )
    task = found[0]
    if ":" not in task.target:
        raise TaskError(f"{task.distribution} declares {name} as {task.target!r}: it should be package.module:Class")
    try:
        return _find(task.target)
    except TaskError as error:
        raise TaskError(f"the task {name} of {task.distribution} cannot be used: {error}") from error


def _load_module(place: str) -> ModuleType:
    try:
        return importlib.import_module(place)
    except ImportError as error:
        raise TaskError(f"the module {place!r} cannot be imported ({error}): install it, or give a file.py") from error
    except Exception as error:
        raise TaskError(f"the module {place!r} cannot be imported ({type(error).__name__}: {error})") from error


def _load_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise TaskError(f"there is no file {path} (in {Path.cwd()})")
    # Dataclasses look their module up by name, so it has to be registered, and under a name that is nobody else's.
    name = f"optsearch_task_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise TaskError(f"{path} is not a Python file")
    if str(path.resolve().parent) not in sys.path:  # last, so that what lies beside the task hides no package
        sys.path.append(str(path.resolve().parent))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise TaskError(f"{path} cannot be imported ({type(error).__name__}: {error})") from error
    return module
