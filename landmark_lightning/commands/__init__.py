"""The console scripts: each reads its settings, calls what does the work, and prints.

``entry`` has the scripts, ``launching`` what each of them does, ``help`` what they say of
themselves; ``prepare``, ``inspect``, ``train``, ``evaluate``, ``report``, ``export``, ``predict``
and ``calibrate`` a ``run(config)`` each; ``checks`` what is checked before anything heavy is
loaded; ``sweep`` a multirun of landmark-train, ``study`` one that searches, ``requeueing`` one in
jobs of a cluster.
"""
