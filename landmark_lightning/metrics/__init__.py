"""What predictions are worth: pure functions, and a thin torchmetrics Metric each.

``nme`` errors of landmarks and faces, ``discarding`` what is left without the least trusted ones,
``offset`` labels that all lie beside the point, ``signal`` what the validation signal knows,
``coverage`` what a network knows of covers, ``validation`` the metrics of a training.
"""
