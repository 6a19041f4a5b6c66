"""``python -m landmark_lightning``: what the commands are."""

from landmark_lightning.commands.entry import COMMANDS

print("landmark-lightning's commands; each explains itself with --help:\n")
for name, purpose in COMMANDS.items():
    print(f"  landmark-{name}: {purpose}.")
