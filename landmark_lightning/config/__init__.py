"""What a setting may be; nothing here loads torch.

``limits`` what a value must be, ``schema`` every setting of a training with its limit,
``command_schemas`` those of the other commands, ``read`` from YAML to a schema, ``compose`` from a
command line to its settings, ``typed_paths`` paths as one types them, ``experiments`` those that
lie elsewhere, ``outside`` what others' files may say, ``instantiate`` objects by ``_target_``,
``difference`` what a file was made with against what is requested, ``older`` what settings were
once called.
"""
