"""``python -m landmark_lightning``: what the commands are."""

from landmark_lightning.commands import entry

print("landmark-lightning's commands; each explains itself with --help:\n")
for command in entry.COMMANDS:
    print(f"  {command.__doc__}")
