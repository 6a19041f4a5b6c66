"""Where the YAML files of the settings lie."""

from pathlib import Path


def config_folder() -> Path:
    """The folder of the YAML files: inside the installed package, or the checkout's.

    Raises:
        FileNotFoundError: Neither is there.
    """
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "conf", package.parent / "conf"):
        if (folder / "train.yaml").is_file():
            return folder
    raise FileNotFoundError(f"no conf folder with train.yaml in {package} or beside it")
