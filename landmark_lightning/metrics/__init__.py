"""What predictions are worth: pure functions, and a thin torchmetrics Metric each.

``nme`` errors of landmarks and faces, ``discarding`` what is left without the least trusted ones,
``signal`` what the validation signal knows, ``validation`` the metrics of a training.
"""
