"""Commands: one thin module each, ``run(config)``; ``entry`` has the console scripts."""
