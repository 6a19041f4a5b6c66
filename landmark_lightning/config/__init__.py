"""What a setting may be; nothing here loads torch.

``limits`` what a value must be, ``read`` checks of single ones, ``compose`` where the YAML files
lie, ``known_settings`` and ``typed_paths`` what is typed on the command line, ``instantiate``
objects by ``_target_``, ``difference`` what a file was made with against what is requested.
"""
