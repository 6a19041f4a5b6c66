"""Mailed run folders, FaceFiles and configs: none runs code, reads another file or leaks.

Each attack changes what was mailed and calls the commands that meet it. A command may go on where
what was changed does not concern it; otherwise it says why not, in one sentence.
"""

import http.server
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import onnx
import pytest
import torch
from PIL import Image

from landmark_lightning.runs.folder import RunFolder
from tests.console import Command, Outcome
from tests.faults.mail import OF_ENVIRONMENT, OF_FILE, VARIABLE, Attack, Mail, Pickled, unpacked
from tests.faults.share import share

ENVIRONMENT = f"${{oc.env:{VARIABLE}}}"


def _of_network(settings: Callable[[Mail], dict[str, Any]], allow: tuple[str, ...] = ()) -> Attack:
    """Other settings of the network in best.ckpt; all that builds it refuses them."""

    def attack(mail: Mail) -> list[Outcome]:
        with mail.checkpoint() as content:
            content["hyper_parameters"]["network"] = settings(mail)
            content["hyper_parameters"]["allow_targets"] = list(allow)
        refused = [mail.evaluate(), mail.export(), mail.predict()]
        assert [done.code for done in refused] == [1, 1, 1], refused
        return [*refused, mail.start_with()]

    return attack


def _of_what_trained(*keys: str | int, value: Callable[[Mail], Any]) -> Attack:
    """Other settings of what evaluate, export and predict have no need of."""

    def attack(mail: Mail) -> list[Outcome]:
        with mail.checkpoint() as content:
            room = content["hyper_parameters"]
            for key in keys[:-1]:
                room = room[key]
            room[keys[-1]] = value(mail)
        return [mail.evaluate(), mail.predict(), mail.start_with()]

    return attack


def _system(mail: Mail, **more: object) -> dict[str, Any]:
    return {"_target_": "os.system", "command": mail.touch, **more}


def _evil_pickle(mail: Mail) -> Path:
    path = mail.folder / "pickle.ckpt"
    torch.save({"state_dict": {}, "hyper_parameters": Pickled(mail.touch)}, path)
    return path


def _loads(target: str) -> Callable[[Mail], dict[str, Any]]:
    return lambda mail: {"_target_": target, "_args_": [str(_evil_pickle(mail))]}


def _instantiates(mail: Mail) -> dict[str, Any]:
    inner = {"class_path": "subprocess.Popen", "init_args": {"args": ["touch", str(mail.trace)]}}
    return {"_target_": "pytorch_lightning.cli.instantiate_class", "args": [], "init": inner}


def _writes(mail: Mail) -> dict[str, Any]:
    target = "pytorch_lightning.core.saving.save_hparams_to_yaml"
    return {"_target_": target, "config_yaml": str(mail.trace), "hparams": {"a": 1}}


def _saves(mail: Mail) -> dict[str, Any]:
    target = "landmark_lightning.DurableCheckpointIO.save_checkpoint"
    return {"_target_": target, "_args_": [None, {"a": 1}, str(mail.trace)]}


def _nested(inner: Callable[[Mail], dict[str, Any]]) -> Callable[[Mail], dict[str, Any]]:
    return lambda mail: {"_target_": "torch.nn.Sequential", "_args_": [inner(mail)]}


def _pickled_checkpoint(mail: Mail) -> list[Outcome]:
    shutil.copy(_evil_pickle(mail), mail.run.best)
    return [mail.evaluate(), mail.export(), mail.predict(), mail.start_with()]


def _plain_pickle(mail: Mail) -> list[Outcome]:
    torch.save(Pickled(mail.touch), mail.run.best, _use_new_zipfile_serialization=False)
    return [mail.evaluate(), mail.export(), mail.predict(), mail.start_with()]


def _pickle_resumed(mail: Mail) -> list[Outcome]:
    shutil.copy(_evil_pickle(mail), mail.run.last)
    mail.run.best.unlink()
    return [mail.resume()]


def _pickle_in_the_state(mail: Mail) -> list[Outcome]:
    content = torch.load(mail.run.last, weights_only=True)
    torch.save(content | {"callbacks": {"RunState": Pickled(mail.touch)}}, mail.run.last)
    return [mail.resume(), mail.evaluate(f"run={mail.run.last}")]


def _scheme_is_a_file(mail: Mail) -> list[Outcome]:
    with mail.checkpoint() as content:
        content["hyper_parameters"]["dataset"]["scheme"] = str(mail.secrets / "secret.yaml")
    return [mail.evaluate(), mail.export(), mail.predict(), mail.start_with()]


def _scheme_of_the_run_is_a_file(mail: Mail) -> list[Outcome]:
    with mail.checkpoint() as content:
        run = content["hyper_parameters"]["run"]
        run["dataset"]["scheme"] = str(mail.secrets / "secret.yaml")
    return [mail.evaluate(), mail.predict()]


def _dataset_elsewhere(mail: Mail) -> list[Outcome]:
    with mail.checkpoint() as content:
        content["hyper_parameters"]["run"]["dataset"]["name"] = "../secrets/secret"
    return [mail.command("evaluate", f"run={mail.run.path}", f"data_dir={mail.faces.parent}")]


def _data_elsewhere(mail: Mail) -> list[Outcome]:
    with mail.checkpoint() as content:
        content["hyper_parameters"]["run"]["data_dir"] = str(mail.secrets)
    shutil.copy(mail.secrets / "secret.txt", mail.secrets / "synthetic.h5")
    return [mail.command("evaluate", f"run={mail.run.path}")]


def _validation_is_a_file(mail: Mail) -> list[Outcome]:
    with mail.checkpoint() as content:
        run = content["hyper_parameters"]["run"]
        run["data"]["validation"] = str(mail.secrets / "secret.txt")
        content["state_dict"]["static_prior"].fill_(torch.nan)
    return [mail.evaluate(), mail.command("calibrate", f"run={mail.run.path}")]


def _tag_in_config(mail: Mail) -> list[Outcome]:
    mail.run.config.write_text(f'a: !!python/object/apply:os.system ["{mail.touch}"]\n')
    return [mail.report(), mail.resume()]


def _in_config(change: Callable[[Mail, dict[str, Any]], None]) -> Attack:
    """A second run beside the first, so that the report says in what their settings differ."""

    def attack(mail: Mail) -> list[Outcome]:
        other = mail.folder / "runs/other/bb/seed0"
        shutil.copytree(mail.run.path, other)
        with mail.config() as content:
            change(mail, content)
        return [mail.report(), mail.resume()]

    return attack


def _set(*keys: str, value: Callable[[Mail], Any]) -> Callable[[Mail, dict[str, Any]], None]:
    def change(mail: Mail, content: dict[str, Any]) -> None:
        for key in keys[:-1]:
            content = content[key]
        content[keys[-1]] = value(mail)

    return change


def _linked(name: str, secret: str) -> Attack:
    """A file of the run's folder is a link to another one."""

    def attack(mail: Mail) -> list[Outcome]:
        shutil.copytree(mail.run.path, mail.folder / "runs/other/bb/seed0")
        path = mail.run.path / name
        path.unlink(missing_ok=True)
        path.symlink_to(mail.secrets / secret)
        return [mail.report()]

    return attack


def _linked_picture(mail: Mail) -> list[Outcome]:
    Image.new("RGB", (64, 64), (250, 0, 0)).save(mail.secrets / "private.png")
    mail.run.surprises.unlink(missing_ok=True)
    mail.run.surprises.symlink_to(mail.secrets / "private.png")
    done = mail.report()
    page = (mail.folder / "out/report/index.html").read_text()
    assert "surprises.png can&#39;t be read: it is a link that leads out of its folder" in page
    return [done]


def _state_linked(mail: Mail) -> list[Outcome]:
    mail.run.metrics.unlink()
    return _linked("state.json", "secret.json")(mail)


def _plan_elsewhere(mail: Mail) -> list[Outcome]:
    elsewhere = mail.secrets / "a/b/seed0"
    elsewhere.mkdir(parents=True)
    shutil.copy(mail.secrets / "secret.json", elsewhere / "state.json")
    for cell in ("../secrets/a/b/seed0", str(elsewhere)):
        (mail.folder / "runs/plan-00000000.json").write_text(json.dumps({"cells": [cell]}))
        done = mail.report()
        assert "failed" not in (mail.folder / "out/report/tables.md").read_text()
    return [done]


def _overrides(mail: Mail) -> list[Outcome]:
    hydra = mail.run.path / ".hydra"
    hydra.mkdir()
    for name in ("overrides.yaml", "config.yaml", "hydra.yaml"):
        (hydra / name).write_text(f"- 'callbacks=[{{_target_: os.system}}]'\n- x={ENVIRONMENT}\n")
    (mail.run.path / "overrides.yaml").write_text(f"- network.width={ENVIRONMENT}\n")
    return [mail.evaluate(), mail.report(), mail.resume()]


def _rerun_of_a_pickle(mail: Mail) -> list[Outcome]:
    path = _evil_pickle(mail)
    return [
        mail.train(f"--experimental-rerun={path}"),
        mail.train("--experimental-rerun", str(path)),
    ]


def _outside(text: Callable[[Mail], str], name: str = "experiment/mine.yaml") -> Attack:
    """A folder of YAML that ``--config-dir`` adds."""

    def attack(mail: Mail) -> list[Outcome]:
        path = mail.folder / "mailed" / name
        path.parent.mkdir(parents=True)
        path.write_text(text(mail))
        given = f"--config-dir={mail.folder / 'mailed'}"
        chosen = "+experiment=mine" if name.startswith("experiment") else "hydra/launcher=mine"
        done = [mail.train(given, chosen)]
        assert done[0].code == 1
        return done

    return attack


def _callback_of_hydra(mail: Mail) -> str:
    inner = f"{{_target_: subprocess.Popen, args: [touch, '{mail.trace}']}}"
    return f"# @package _global_\nhydra: {{callbacks: {{mine: {inner}}}}}\n"


def _by_target_of_hydra(mail: Mail) -> str:
    return f"_target_: subprocess.Popen\nargs: [touch, '{mail.trace}']\n"


def _trusts_itself(mail: Mail) -> str:
    inner = f"{{_target_: os.system, command: \"touch '{mail.trace}'\"}}"
    return f"# @package _global_\nallow_targets: [os.]\ncallbacks: [{inner}]\n"


def _in_faces(*keys: str, value: Callable[[Mail], Any]) -> Attack:
    """Another text in what the FaceFile says of itself."""

    def attack(mail: Mail) -> list[Outcome]:
        with mail.described() as content:
            _set(*keys, value=value)(mail, content)
        return [mail.evaluate(), mail.train("dataset=custom", "dataset.name=synthetic")]

    return attack


def _stored_elsewhere(how: Callable[[Mail, h5py.Group, Any], None]) -> Attack:
    """The photos' names, which stand in predictions.h5, are stored in another file."""

    def attack(mail: Mail) -> list[Outcome]:
        (mail.secrets / "raw").write_bytes((OF_FILE * 8).encode())
        with h5py.File(mail.secrets / "other.h5", "w") as other:
            names = np.array([OF_FILE.encode()] * 8)
            other["photo"] = names
        with h5py.File(mail.faces, "r+") as file:
            del file["test/photo"]
            how(mail, file["test"], names)
        return [mail.evaluate(), mail.command("inspect", f"data_dir={mail.faces.parent}")]

    return attack


def _external_link(mail: Mail, group: h5py.Group, names: Any) -> None:  # noqa: ANN401
    group["photo"] = h5py.ExternalLink(str(mail.secrets / "other.h5"), "/photo")


def _virtual(mail: Mail, group: h5py.Group, names: Any) -> None:  # noqa: ANN401
    layout = h5py.VirtualLayout(names.shape, names.dtype)
    layout[:] = h5py.VirtualSource(mail.secrets / "other.h5", "photo", names.shape)
    group.create_virtual_dataset("photo", layout)


def _external_storage(mail: Mail, group: h5py.Group, names: Any) -> None:  # noqa: ANN401
    raw = [(str(mail.secrets / "raw"), 0, names.nbytes)]
    group.create_dataset("photo", names.shape, names.dtype, external=raw)


def _linked_group(mail: Mail) -> list[Outcome]:
    with h5py.File(mail.secrets / "other.h5", "w") as other, h5py.File(mail.faces, "r+") as file:
        file.copy("test", other)
        del other["test/photo"], file["test"]
        other["test/photo"] = np.array([OF_FILE.encode()] * 8)
        file["test"] = h5py.ExternalLink(str(mail.secrets / "other.h5"), "/test")
    return [mail.evaluate()]


SCRIPT = "<script>alert(1)</script>{{ 7 * 191 }}<img src=x onerror=alert(1)>"


def _names_are_markup(mail: Mail) -> list[Outcome]:
    content = json.loads(mail.run.metrics.read_text())
    del content["sha256"]
    content |= {"dataset": SCRIPT, "model": SCRIPT, "normalizer": SCRIPT}
    content["subsets"][SCRIPT] = content["subsets"]["full"]
    mail.run.metrics.write_text(json.dumps(content))
    drawn = json.loads(mail.run.balancing.read_text())
    del drawn["sha256"]
    drawn["most_drawn"][0]["photo"] = SCRIPT
    drawn["subsets"] = {SCRIPT: {"faces": 0.5, "draws": 0.5}}
    mail.run.balancing.write_text(json.dumps(drawn))
    done = mail.report()
    assert done.code == 0, done.err
    for name in ("index.html", "tables.md", "tables.tex"):
        text = (mail.folder / "out/report" / name).read_text()
        assert "<script>alert" not in text.replace("\\<", ""), name
        assert "<img src=x" not in text.replace("\\<", ""), name
        assert "1337" not in text, name
    return [done]


def _weights_elsewhere(mail: Mail) -> list[Outcome]:
    """An ONNX model whose weights, and so its answers, are the content of another file."""
    from onnx import TensorProto, helper

    weight = helper.make_tensor("w", TensorProto.FLOAT, [2], b"\0" * 8, raw=True)
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="../secrets/secret.txt")
    weight.external_data.add(key="length", value="8")
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Identity", ["w"], ["landmarks"])], "g",
        [value("image", TensorProto.UINT8, [1])], [value("landmarks", TensorProto.FLOAT, [2])],
        [weight],
    )  # fmt: skip
    path = mail.folder / "mailed/model.onnx"
    path.parent.mkdir()
    onnx.save(helper.make_model(graph), str(path))
    done = mail.predict(path)
    assert "is no ONNX model" in done.err
    return [done]


@contextmanager
def _server() -> Iterator[tuple[str, list[str]]]:
    """The address of a server on this machine, and what it is asked for."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/evil.ckpt", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _address(mail: Mail) -> list[Outcome]:
    with _server() as (address, asked):
        target = "pytorch_lightning.LightningModule.load_from_checkpoint"
        with mail.checkpoint() as content:
            network = {"_target_": target, "checkpoint_path": address, "weights_only": False}
            content["hyper_parameters"]["network"] = network
            content["hyper_parameters"]["run"]["data_dir"] = address
        done = [mail.evaluate(), mail.predict(), mail.predict(Path(address)), mail.start_with()]
        done.append(mail.train(f"init_from={address}"))
        assert asked == []
    return done


ATTACKS: dict[str, Attack] = {
    "network os.system": _of_network(_system),
    "network that trusts itself": _of_network(_system, allow=("os.", "")),
    "network by a loader": _of_network(
        _loads("pytorch_lightning.LightningModule.load_from_checkpoint")
    ),
    "network by torch.load": _of_network(_loads("torch.load")),
    "network by a loader in a trusted module": _of_network(
        _loads("torch.nn.modules.module.torch.load")
    ),
    "network by an instantiator": _of_network(_instantiates),
    "network by a writer": _of_network(_writes),
    "network by our own writer": _of_network(_saves),
    "network with code inside": _of_network(_nested(_system)),
    "network with a logger inside": _of_network(
        _nested(lambda m: {"_target_": "pytorch_lightning.loggers.CSVLogger", "save_dir": "."})
    ),
    "network with a reader inside": _of_network(
        _nested(lambda m: {"_target_": "landmark_lightning.read_own", "root": str(m.secrets)})
    ),
    "network of the environment": _of_network(
        lambda m: {"_target_": "landmark_lightning.LandmarkNetwork", "side": ENVIRONMENT}
    ),
    "network by oc.create": _of_network(
        lambda m: {"_target_": "torch.nn.Sequential", "_args_": [f"${{oc.create:{_system(m)}}}"]}
    ),
    "network by oc.decode": _of_network(
        lambda m: {
            "_target_": "landmark_lightning.LandmarkNetwork",
            "width": f"${{oc.decode:{ENVIRONMENT}}}",
        }
    ),
    "optimizer os.system": _of_what_trained("phases", "optimizer", value=_system),
    "augmentation os.system": _of_what_trained(
        "augmentation", "extra", value=lambda m: [_system(m)]
    ),
    "loss os.system": _of_what_trained("phases", "list", 0, "loss", value=_system),
    "distance os.system": _of_what_trained(
        "validation", value=lambda m: _system(m, _partial_=True)
    ),
    "source of the run os.system": _of_what_trained("run", "dataset", "source", value=_system),
    "pickle": _pickled_checkpoint,
    "plain pickle": _plain_pickle,
    "pickle resumed": _pickle_resumed,
    "pickle in the state": _pickle_in_the_state,
    "scheme is a file": _scheme_is_a_file,
    "scheme of the run is a file": _scheme_of_the_run_is_a_file,
    "dataset elsewhere": _dataset_elsewhere,
    "data elsewhere": _data_elsewhere,
    "validation is a file": _validation_is_a_file,
    "address": _address,
    "config with a tag": _tag_in_config,
    "config of the environment": _in_config(_set("network", "width", value=lambda m: ENVIRONMENT)),
    "config by oc.create": _in_config(
        _set("network", value=lambda m: f"${{oc.create:{_system(m)}}}")
    ),
    "config os.system": _in_config(_set("network", value=_system)),
    "config that trusts itself": _in_config(
        lambda m, c: c.update(allow_targets=["os."], callbacks=[_system(m)])
    ),
    "config linked": _linked("config.yaml", "secret.yaml"),
    "figures linked": _linked("metrics.json", "secret.json"),
    "balancing linked": _linked("balancing.json", "secret.json"),
    "picture linked": _linked_picture,
    "state linked": _state_linked,
    "plan elsewhere": _plan_elsewhere,
    "overrides.yaml": _overrides,
    "names are markup": _names_are_markup,
    "rerun of a pickle": _rerun_of_a_pickle,
    "outside config runs a callback": _outside(_callback_of_hydra),
    "outside config is a launcher": _outside(_by_target_of_hydra, "hydra/launcher/mine.yaml"),
    "outside config trusts itself": _outside(_trusts_itself),
    "outside config of the environment": _outside(
        lambda m: (
            f"# @package _global_\nnetwork: {{width: {ENVIRONMENT}}}\nruns_dir: {ENVIRONMENT}\n"
        )
    ),
    "faces of os.system": _in_faces("settings", "source", value=_system),
    "faces whose scheme is a file": _in_faces(
        "settings", "scheme", value=lambda m: str(m.secrets / "secret.yaml")
    ),
    "faces with the scheme of a file": _in_faces(
        "scheme", value=lambda m: str(m.secrets / "secret.yaml")
    ),
    "faces of the environment": _in_faces("settings", "normalizer", value=lambda m: ENVIRONMENT),
    "faces of another root": _in_faces("origin", "root", value=lambda m: str(m.secrets)),
    "faces linked": _stored_elsewhere(_external_link),
    "faces virtual": _stored_elsewhere(_virtual),
    "faces stored outside": _stored_elsewhere(_external_storage),
    "faces with a linked split": _linked_group,
    "ONNX weights elsewhere": _weights_elsewhere,
}


@pytest.mark.parametrize("name", share(ATTACKS))
def test_nothing_runs_and_nothing_leaks(
    name: str,
    finished: RunFolder,
    command: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(VARIABLE, OF_ENVIRONMENT)
    mail = unpacked(finished, tmp_path / "mail", command)
    for done in ATTACKS[name](mail):
        assert "Traceback" not in done.err, done.err
        for text in (done.out, done.err):
            assert OF_ENVIRONMENT not in text
            assert OF_FILE not in text
        if done.code:
            said = [line for line in done.err.splitlines() if line.startswith("landmark-")]
            assert len(said) == 1, done.err
    assert mail.leaks() == []


def test_there_are_enough_attacks() -> None:
    assert len(ATTACKS) >= 40
