"""A CUDA graph's stand-in for a CPU: records the operations of a step and runs them again.

As on CUDA, what is recorded is not done, a replay runs no Python but that of torch, works on the
same tensors, and a value that is read on the host while recording is an error. Kinder than CUDA,
it keeps every tensor that it saw, and a recording that failed leaves all as it was.
"""

import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten


class RecordedGraph(TorchDispatchMode):
    """Takes the place of ``torch.cuda.CUDAGraph``."""

    made: ClassVar[list["RecordedGraph"]] = []
    """All that recorded something, in their order."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.calls: list[tuple[Any, Any, Any, Any]] = []
        self.before: dict[int, tuple[Tensor, Tensor]] = {}
        self.own: set[int] = set()
        self.replays = 0

    def __torch_dispatch__(
        self,
        func: Any,  # noqa: ANN401
        types: Any,  # noqa: ANN401
        args: Any = (),  # noqa: ANN401
        kwargs: Any = None,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        kwargs = kwargs or {}
        if func is torch.ops.aten._local_scalar_dense.default:
            raise RuntimeError(f"{func} reads a value on the host")
        for tensor in tree_flatten((args, kwargs))[0]:
            self._keep(tensor)  # not each schema says what its operation writes to
        result = func(*args, **kwargs)
        self.calls.append((func, args, kwargs, result))
        given = {_storage(t) for t in tree_flatten((args, kwargs))[0] if isinstance(t, Tensor)}
        for tensor in tree_flatten(result)[0]:
            if isinstance(tensor, Tensor) and _storage(tensor) not in given:
                self.own.add(_storage(tensor))
        return result

    def _keep(self, tensor: Any) -> None:  # noqa: ANN401
        """Remembers what a tensor from outside holds before it may be written to."""
        if isinstance(tensor, Tensor) and _storage(tensor) not in self.own:
            whole = torch.empty(0, dtype=tensor.dtype).set_(tensor.untyped_storage())
            self.before.setdefault(_storage(tensor), (whole, whole.clone()))

    def finish(self) -> None:
        """Ends the recording: what it changed is as it was."""
        for tensor, value in self.before.values():
            tensor.copy_(value)
        self.made.append(self)

    def replay(self) -> None:
        """Runs the operations again, on the same tensors."""
        self.replays += 1
        with torch.no_grad():
            for func, args, kwargs, result in self.calls:
                again = func(*args, **kwargs)
                for old, new in zip(tree_flatten(result)[0], tree_flatten(again)[0], strict=True):
                    if isinstance(old, Tensor) and _storage(old) != _storage(new):
                        old.copy_(new)


class Watch(TorchDispatchMode):
    """Warns, as CUDA does where it is told to, when a value is read on the host."""

    def __torch_dispatch__(
        self,
        func: Any,  # noqa: ANN401
        types: Any,  # noqa: ANN401
        args: Any = (),  # noqa: ANN401
        kwargs: Any = None,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        if func is torch.ops.aten._local_scalar_dense.default:
            warnings.warn("called a synchronizing CUDA operation", stacklevel=1)
        return func(*args, **(kwargs or {}))


def _storage(tensor: Tensor) -> int:
    return tensor.untyped_storage()._cdata


@contextmanager
def _record(graph: RecordedGraph) -> Iterator[None]:
    generator = torch.get_rng_state()
    try:
        with graph:
            yield
    finally:
        torch.set_rng_state(generator)
        graph.finish()


def refuse_new_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes tensors of the host's values an error: on CUDA each is a copy that no graph allows."""

    def refuse(*_: Any, **__: Any) -> None:  # noqa: ANN401
        raise AssertionError("a tensor of the host's values")

    monkeypatch.setattr(torch, "tensor", refuse)
    monkeypatch.setattr(torch.Tensor, "new_tensor", refuse)


def use(monkeypatch: pytest.MonkeyPatch, recording: Any = _record) -> None:  # noqa: ANN401
    """Lets steps on a CPU be captured."""

    class Stream:
        def wait_stream(self, other: "Stream") -> None: ...

    watch = Watch()  # type: ignore[no-untyped-call]

    def debug(mode: str) -> None:
        if mode == "warn":
            watch.__enter__()  # type: ignore[no-untyped-call]
        else:
            watch.__exit__(None, None, None)  # type: ignore[no-untyped-call]

    RecordedGraph.made = []
    monkeypatch.setattr(torch.cuda, "set_sync_debug_mode", debug)
    # The device's generator is the host's here.
    monkeypatch.setattr("landmark_lightning.training.graphs.host_generators", random.getstate)
    monkeypatch.setattr("landmark_lightning.training.graphs.captures", lambda device: True)
    monkeypatch.setattr(torch.cuda, "CUDAGraph", RecordedGraph)
    monkeypatch.setattr(torch.cuda, "graph", recording)
    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    monkeypatch.setattr(torch.cuda, "current_stream", Stream)
    monkeypatch.setattr(torch.cuda, "stream", nullcontext)
