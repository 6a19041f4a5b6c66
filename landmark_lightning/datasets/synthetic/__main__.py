"""``python -m landmark_lightning.datasets.synthetic``: writes a stand-in of an official layout."""

import sys

from landmark_lightning.datasets.synthetic.trees.write import main

main(sys.argv[1:])
