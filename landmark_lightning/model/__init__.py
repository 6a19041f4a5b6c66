"""What is trained.

``network`` (Figure 3), ``losses`` (Eq. 2 and 3), ``schedule`` the phases, ``augmentation`` with
``image_ops``, ``occluders`` and ``extras``, ``task`` the LightningModule that joins them,
``checkpoint`` a trained one from its file, ``saved`` what such a file holds, ``folded`` copies
that answer faster.
"""
