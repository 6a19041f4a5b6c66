"""What a setting may be; nothing here loads torch.

``limits`` what a value must be, ``schema`` every setting with its limit, ``read`` from YAML to the
schema, ``compose`` from a command line to its settings, ``typed_paths`` paths as one types them,
``instantiate`` objects by ``_target_``, ``difference`` what a file was made with against what is
requested, ``older`` what settings were once called.
"""
