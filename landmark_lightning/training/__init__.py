"""Training one cell of an experiment.

``fit`` the whole of it, ``checks`` its settings, ``trainer`` Lightning's Trainer, ``balancing``
LPBB's callbacks, ``curves`` and ``progress`` what is seen meanwhile, ``pictures`` and ``loggers``
for W&B, ``checkpoints`` to go on from, ``divergence`` what ends it, ``threads`` of a CPU,
``graphs`` CUDA graphs, ``processes``, ``rank`` and ``batch_norm`` several devices.
"""
