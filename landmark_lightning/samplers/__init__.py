"""Which faces come next.

``batch_sampler`` every face once an epoch, ``loss_balancer`` LPBB (Eq. 1), ``host_table`` and
``device_table`` the losses that it knows, ``sums`` the weights that add up, ``strategies`` what
``model.balancing`` chooses, ``statistics`` who was drawn.
"""
